@role:dm-gateway
Feature: Who may come
  The rules of device management for who proves what to whom hold at a gateway, too (RD GwMO 1.0).

  @GwMO-SECACATE-001 @id:wrong-password
  Scenario: A device that shows a wrong password is not let in
    When a device attaches that shows a wrong password, and another that shows the right one
    Then the inventory has a record of the second alone

  @GwMO-SECACATE-001 @id:wrong-server
  Scenario: A server that shows a wrong password has nothing done
    When a new device attaches, and the server shows a wrong password to the gateway that comes to say so
    Then what that wanted is not done, and the server that shows the right one finds all as it was

  @GwMO-SECDI-001 @id:protected
  Scenario: A device that protects each message is let in
    When a device attaches that protects each message
    Then the inventory has one record of that device, which is attached

  @GwMO-SECDI-001 @id:changed
  Scenario: A device whose messages are changed on their way is not let in
    When a device attaches that protects each message, and all are changed on their way, and another whose are not
    Then the inventory has a record of the other alone

  @GwMO-SECDI-001 @id:changed-later
  Scenario: What a device says is not passed on that was changed on its way
    When a device attaches that protects each message
    And the server has the gateway read something of it, and once more, when what it says is changed on its way
    Then that is in nothing that the server is told

  @GwMO-SECARIZE-001 @second-server @id:other-server
  Scenario: A server without the right reads nothing
    Given two servers, and a setting that only the first may touch
    When both read it
    Then the first gets it, and the second does not

  @GwMO-SECARIZE-001 @second-server @id:other-server-widens
  Scenario: A server without the right does not give it to itself
    Given two servers, and a setting that only the first may touch
    When the second changes it, and gives itself the right to
    Then both are refused to it

  @GwMO-SECACATE-001 @id:resynchronised
  Scenario: A gateway and a server that has forgotten the nonce find one again
    Given a server that has forgotten every nonce of the gateway
    When it sends the gateway a notification
    Then the gateway comes with the nonce that both are sure to share, if it knows it

  @GwMO-SECACATE-002 @id:once
  Scenario: One authentication is enough for a group
    Given three devices that have attached
    And a group of all three devices
    When the server has the gateway change something of the group
    Then that takes one authentication, and each of them is told it

  @GwMO-SECACATE-002 @second-server @id:group-for-stranger
  Scenario: A server without the right reaches none of a group
    Given three devices that have attached
    And two servers, and a fan-out to a group of all three that only the first may touch
    When the second starts it, and then the first
    Then it is refused to the second, and each of the three is told it for the first alone

  @GwMO-SECARIZE-001 @second-server @if:gwmo.triggers @id:trigger-for-stranger
  Scenario: A server without the right has no notification brought
    Given two servers, and a notification for a device that only the first may start
    When the second starts it, and then the first
    Then it is refused to the second, and the device is brought it for the first alone
