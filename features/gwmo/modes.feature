@role:dm-gateway
Feature: How a gateway works for a device
  For a device that knows the server, it passes notifications on; for one that knows the gateway only, it
  manages the device itself (RD GwMO 1.0).

  @GwMO-PMoDe-001 @usecase:B.3 @id:proxied
  Scenario: What the server wants of a device is done by the gateway
    Given a device that has attached
    When the server has the gateway change something of the device and read it
    Then the device is told both once, in this order
    And the server is told what the device says

  @GwMO-PMoDe-001 @id:shielded
  Scenario: Nothing passes between server and device but by the gateway
    Given a device that has attached
    And a network that does not let the server through to the device
    When the server has the gateway read something of the device
    Then server and device have not met
    And the server is told what the device says

  @GwMO-TMode-001 @usecase:B.2 @id:relayed
  Scenario: A notification is passed on as it is
    When the server sends the gateway a notification for a device that knows the server
    Then the device gets the notification as it was sent

  @GwMO-AMoDe-001 @usecase:B.10 @id:two-protocols
  Scenario: Devices of two other protocols are managed alike
    Given two devices of different protocols that have attached
    When the server has the gateway change something of both, read that, and start something
    Then each is asked for all three once, in its own protocol
    And the server is told what became of it
    And the inventory says which protocol each speaks

  @GwMO-AMoDe-001 @id:garbage
  Scenario: A device that has sent what nobody can read is still managed
    Given a device of another protocol that has attached
    When it sends what nobody can read, and the server has the gateway read something of it
    Then the server is told what became of it

  @GwMO-MOO-001 @id:three-modes
  Scenario: Three devices are served at once, each in the mode that it calls for
    Given three devices that call for different modes
    When the server has the gateway read both that do not know it, and notify the one that does
    Then each is served in the mode that it calls for
    And the inventory says how the gateway works for each

  @GwMO-PMoDe-003 @id:gateway-alone
  Scenario: A device that knows the gateway alone is managed, and learns of no server
    Given a device that has attached
    When the server has the gateway change something of the device and read it
    Then the server is told what the device says
    And the device is not told of the server

  @GwMO-TMode-001 @id:forged
  Scenario: A notification with a wrong digest goes to nobody
    When the server sends the gateway a notification with a wrong digest for a device that knows the server, and then a right one
    Then the device gets the right one alone

  @GwMO-TMode-001 @usecase:B.7 @id:stranger
  Scenario: A notification of a server that the gateway does not know goes to nobody
    When a server that the gateway does not know sends it a notification for a device, and then the one that it knows does
    Then the device gets the right one alone

  @GwMO-TMode-001 @if:gwmo.triggers @id:triggered
  Scenario: A notification that the server has put into the gateway is brought as it is
    When the server puts a notification for a device that knows it into the gateway, and starts it
    Then the device gets what the server has put in, and the gateway says so

  @GwMO-TMode-001 @if:gwmo.triggers @id:triggered-in-vain
  Scenario: That a notification was brought is not said of a device that has gone
    Given two devices that know the server
    When the second goes, and the server puts a notification for each into the gateway and starts it
    Then the gateway brings the first what is for it, and does not say that the second has what is for that
