@role:dm-gateway
Feature: The inventory of devices
  A gateway knows which devices there are, and says when there is a new one (RD GwMO 1.0).

  @GwMO-DI-003 @id:gone
  Scenario: A device that has gone is still known
    Given a device that has attached
    When the device goes, and the server has the gateway read something of it
    Then the inventory has one record of the device, which is detached

  @GwMO-DI-004 @id:announced
  Scenario: A new device is announced
    When a new device attaches
    Then the server is told of it once

  @GwMO-DI-005 @id:announcements-off
  Scenario: With announcements off, a new device is not announced
    Given the server has switched the announcements of devices off
    When a new device attaches
    Then the server is not told of it
