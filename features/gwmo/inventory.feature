@role:dm-gateway
Feature: The inventory of devices
  A gateway knows which devices there are, and says when there is a new one (RD GwMO 1.0).

  @GwMO-DI-003 @id:gone
  Scenario: A device that has gone is still known
    Given a device that has attached
    When the device goes, and the server has the gateway read something of it
    Then the inventory has one record of the device, which is detached

  @GwMO-DI-004 @usecase:B.9 @id:announced
  Scenario: A new device is announced
    When a new device attaches
    Then the server is told of it once

  @GwMO-DI-004 @id:unproven
  Scenario: Who is not let in is not announced
    When a device attaches that shows a wrong password, and another that shows the right one
    Then the server is told of the second alone

  @GwMO-DI-005 @id:announcements-off
  Scenario: With announcements off, a new device is not announced
    Given the server has switched the announcements of devices off
    When a new device attaches
    Then the server is not told of it, and is of another once announcements are on again

  @GwMO-DI-005 @advice @id:announcements-afterwards
  Scenario: Who came while announcements were off is not announced afterwards
    Given the server has switched the announcements of devices off
    When a new device attaches
    And announcements are on again
    Then the server is not told of it afterwards, and is of another

  @GwMO-DI-001 @usecase:B.5 @id:one-device
  Scenario: What a record says is what its device says of itself
    Given two devices that have attached
    Then the record of each says what it is

  @GwMO-DI-002 @usecase:B.5 @id:summary
  Scenario: The summary counts who is there and who is not
    Given three devices that have attached
    When the third goes, and the server has the gateway read something of it
    Then the summary counts what the records say

  @GwMO-DI-003 @id:returned
  Scenario: A device that returns is attached again, and known by the same record
    Given a device that has attached
    When the device goes, and the server has the gateway read something of it
    And the device attaches again that has gone
    Then the inventory has one record of the device, which is attached

  @GwMO-DI-004 @id:announced-once
  Scenario: A device that was announced is not announced again
    Given a device that has attached and was announced
    When the device attaches again
    Then the server is not told of it
