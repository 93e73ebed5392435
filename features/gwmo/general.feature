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
  Scenario: A new device gets a record, and can be managed
    When a new device attaches
    Then the inventory has one record of the device, which is attached
    When the server has the gateway read something of the device
    Then the server is told what the device says

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

  @GwMO-HLF-002 @GwMO-PMoDe-001 @usecase:B.4 @id:managed-on
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

  @GwMO-HLF-005 @id:brought-own
  Scenario: A device without an account is brought one of the gateway
    Given two devices that have no account
    When the server has the gateway bring the first an account of the gateway
    Then the first is brought that account of the gateway, protected by its key
    And it has its session with the gateway
    And the second is brought nothing
    And the inventory has one record of the first, which is attached

  @GwMO-HLF-005 @id:brought-in-vain
  Scenario: A device that does not believe what it is brought stays without an account, and unknown
    Given a device that has no account, and another secret than the gateway knows
    When the server has the gateway bring it an account of the gateway
    Then it is brought one, and the inventory has no record of it

  @GwMO-HLF-006 @id:brought-other
  Scenario: A device without an account is brought one of the server
    Given two devices that have no account
    When the server has the gateway bring the first an account of the server
    Then the first is brought that account of the server, protected by its key
    And it has its session with the server
    And the second is brought nothing

  @GwMO-HLF-006 @second-server @id:brought-for-stranger
  Scenario: For a server without the right, no device is brought anything
    Given two servers, and a description of a bootstrap that only the first may touch
    When the second starts it, and then the first
    Then it is refused to the second, and a device is brought an account for the first alone

  @GwMO-HLF-004 @id:one-account
  Scenario: Several devices are managed, and the server knows one account
    Given two devices that have attached
    When the server has the gateway read something of the first, and then of the second
    Then the server is told of both, and all that it is told by one account

  @GwMO-DI-001 @usecase:B.1 @id:bypassed
  Scenario: A device that can be reached is notified where the gateway says that it is
    Given a device that the server can reach, and that knows the server
    When the server asks the gateway where the device is, and notifies it there
    Then the device has its session with the server, where the gateway says that it is
