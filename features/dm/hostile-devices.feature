@role:dm-server
Feature: Devices that want to hurt
  A server that meets one serves the others all the same.

  @DM-SRV-40 @id:grows
  Scenario: A message that grows while it is read stops no server
    Given a device whose messages grow while they are read
    When the device begins a session
    And another device, which behaves, begins a session
    Then the server has it

  @DM-SRV-40 @id:deep
  Scenario: A message that is nested without measure stops no server
    Given a device whose messages are nested without measure
    When the device begins a session
    And another device, which behaves, begins a session
    Then the server has it

  @DM-SRV-40 @id:large
  Scenario: A very large message stops no server
    Given a device whose messages are very large
    When the device begins a session
    And another device, which behaves, begins a session
    Then the server has it

  @DM-SRV-40 @id:broken
  Scenario: A broken message stops no server
    Given a device whose messages are broken
    When the device begins a session
    And another device, which behaves, begins a session
    Then the server has it

  @DM-SRV-41 @id:replayed
  Scenario: What comes again is not taken for something new
    Given a device that says again what it said first
    And the operator wants to read something of the device
    When the device begins a session
    Then the server says what it said, or refuses it
