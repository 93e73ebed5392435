@role:dm-gateway
Feature: What a gateway is for
  A gateway stands between a server and devices that the server cannot reach (RD GwMO 1.0).

  @GwMO-HLF-001 @id:hidden
  Scenario: A device that the server cannot reach is managed
    Given a device that has attached
    When the server has the gateway read something of the device
    Then the server is told what the device says

  @GwMO-HLF-003 @id:new-device
  Scenario: A new device gets a record
    When a new device attaches
    Then the inventory has one record of the device, which is attached

  @GwMO-ADM-001 @id:settings
  Scenario: A setting survives a restart
    Given the server has switched the announcements of devices off
    When the gateway is restarted
    Then the announcements of devices are still off
