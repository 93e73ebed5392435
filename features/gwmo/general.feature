@role:dm-gateway
Feature: What a gateway is for
  A gateway stands between a server and devices that the server cannot reach (RD GwMO 1.0).

  @GwMO-HLF-001 @id:hidden
  Scenario: A device that the server cannot reach is managed
    Given a device that has attached
    And a network that does not let the server through to the device
    When the server has the gateway read something of the device
    Then the server is told what the device says

  @GwMO-HLF-003 @usecase:B.6 @id:new-device
  Scenario: A new device gets a record
    When a new device attaches
    Then the inventory has one record of the device, which is attached

  @GwMO-ADM-001 @id:settings
  Scenario: A setting survives a restart
    Given the server has switched the announcements of devices off
    When the gateway is restarted
    Then the announcements of devices are still off

  @GwMO-IOP-001 @usecase:B.10 @id:another-protocol
  Scenario: A device that does not speak the protocol is managed
    Given a device of another protocol that has attached
    When the server has the gateway change something of it and read that
    Then the device is asked for both once, in its own protocol
    And the server is told what became of it

  @GwMO-IOP-001 @id:foreign-refusal
  Scenario: What a device of another protocol refuses is told as a failure
    Given a device of another protocol that has attached
    And it refuses whatever it is asked for
    When the server has the gateway read something that it refuses
    Then the server is told what became of it

  @GwMO-HLF-003 @id:known-device
  Scenario: A device that attaches again gets no second record
    Given a device that has attached
    When the device attaches again
    Then the inventory has one record of the device, which is attached

  @GwMO-HLF-003 @id:moves
  Scenario: A device that another gateway has managed is let in with the account that it has
    Given a device that another gateway has managed
    When the device attaches here
    Then the inventory has one record of the device, which is attached

  @GwMO-HLF-002 @GwMO-PMoDe-001 @id:managed-on
  Scenario: A device that another gateway has managed is managed here
    Given a device that another gateway has managed
    When the device attaches here
    And the server has the gateway read something of the device
    Then the server is told what the device says

  @GwMO-HLF-002 @GwMO-DI-003 @id:moves-away
  Scenario: A device that has moved to another gateway is detached here
    Given a device that has attached
    When the device moves to another gateway, and the server has this one read something of it
    Then the inventory has one record of the device, which is detached

  @GwMO-HLF-002 @GwMO-PMoDe-001 @id:back-again
  Scenario: A device that comes back from another gateway is managed again
    Given a device that has attached here, and that another gateway has managed since
    When the device attaches here
    And the server has the gateway read something of the device
    Then the server is told what the device says
