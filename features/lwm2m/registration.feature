Feature: Registration
  How devices come, stay and leave (AD 5.3.2.2).

  @LW-IF2-01 @ETS-1.0-int-101 @id:operator-sees-the-registration
  Scenario: What is registered is what the operator sees
    When a device registers as one that sleeps
    Then the server confirms the registration and says where it is
    And the operator sees the device as it registered

  @LW-IF2-03 @id:who-has-left-is-not-managed
  Scenario: A device that has left cannot be managed
    Given a device that has left
    When the operator reads the manufacturer of the device
    Then the operator is told of an error, and the device hears nothing

  @LW-IF2-04 @ETS-1.0-int-104 @slow:100s @time-passes @id:update-keeps-alive
  Scenario: An update without parameters keeps a registration alive
    Given a device that is registered for a minute
    And almost a minute has passed
    And the device has updated its registration
    When almost another minute has passed
    And the device updates its registration
    Then the server confirms the update

  @LW-IF2-05 @ETS-1.0-int-107 @slow:61s @time-passes @id:new-lifetime-counts
  Scenario: A new life time takes the place of the old
    Given a device that is registered for a minute
    And the device has asked for a life time of ten minutes
    When a minute and the time of grace have passed
    And the device updates its registration
    Then the server confirms the update

  @LW-IF2-05 @id:new-list-replaces-the-old
  Scenario: A new list takes the place of the old
    Given a device that is registered
    When the device updates its registration with another list of objects
    Then the server confirms the update
    And the operator sees the new list of the device and nothing of the old

  @LW-IF2-06 @ETS-1.0-int-102 @ETS-1.0-int-105 @slow:61s @time-passes @id:ends-with-its-lifetime
  Scenario: A registration ends with its life time
    Given a device that is registered for a minute
    When a minute and the time of grace have passed
    And the device updates its registration
    Then the server does not know that registration

  @LW-IF2-07 @ETS-1.0-int-103 @id:leaving-is-confirmed
  Scenario: A device can leave
    Given a device that is registered
    When the device leaves
    Then the server confirms that the device has left

  @LW-IF2-07 @ETS-1.0-int-103 @id:who-has-left-is-gone
  Scenario: Who has left is no longer registered
    Given a device that has left
    When the device updates the registration that it had first
    Then the server does not know that registration

  @LW-IF2-08 @ETS-1.0-int-241 @id:second-registration-replaces-the-first
  Scenario: A new registration takes the place of the old
    Given a device that is registered
    When the device registers again
    Then the server confirms the registration and says where it is
    When the device updates the registration that it had first
    Then the server does not know that registration
    And the operator sees the device once

  @LW-IF2-09 @id:location-is-honoured
  Scenario: A registration is updated where the server has put it
    Given a device that is registered
    When the device updates its registration
    Then the server confirms the update

  @LW-IF2-12 @id:long-list-in-blocks
  Scenario: A long list arrives in blocks
    When a device registers with a list of objects that fits into no datagram
    Then the server confirms the registration and says where it is

  @LW-IF2-10 @id:not-led-away
  Scenario: A registration belongs to its device
    Given a device that is registered
    And another device that is registered
    When the other device updates the registration of the device
    And the operator reads the serial number of the device
    Then the device itself is asked, and nobody else
    And the operator sees the value that the device has

  @LW-IF2-13 @id:device-moves
  Scenario: A device may move
    Given a device that is registered
    When the device goes on from another address and says so
    And the operator reads the serial number of the device where it is now
    Then the device is asked there, and nobody else
    And the operator sees the value that the device has

  @LW-CLI-02 @id:two-at-one-address
  Scenario: Two clients at one address are two registrations
    Given a device that is registered
    And another device that is registered from the same address, with a port of its own
    When the operator reads the serial number of each of the two
    Then each of them is asked for its own, and nobody else
    And the operator sees of each what it has
    And the operator sees the device once

  @LW-IF2-14 @id:many-are-kept
  Scenario: Many registrations are kept
    When fifty devices register at the same time
    And each of them updates its registration
    Then each that was confirmed is still registered
