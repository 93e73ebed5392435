@role:dm-gateway
Feature: Fan-outs
  A server wants the same of many devices, and gets one answer (RD GwMO 1.0).

  @GwMO-FORA-001 @id:each-member
  Scenario: Each member of a group is told once
    Given three devices that have attached
    And a group of the first and the second device
    When the server has the gateway change something of the group
    Then the first device is told it once
    And the second device is told it once

  @GwMO-FORA-002 @usecase:B.7 @id:aggregate
  Scenario: Each device is in the report once, whatever became of it
    Given three devices that have attached
    And the second device does not have what is read, and the third has gone
    And a group of all three devices
    When the server has the gateway read something of the group
    Then the server gets one report with what became of each device

  @GwMO-FORA-002 @id:dies
  Scenario: A device that dies in the middle is reported once, as a failure
    Given a device that has attached
    When the server has the gateway read something of the device, which dies in the middle and comes back
    Then the server gets one report with what became of each device

  @GwMO-FORA-002 @if:gwmo.many @time-passes @slow:30s @id:many
  Scenario: Of many devices, each is in the report once
    Given many devices that have attached
    And some of them do not have what is read, some do not come any more, and some have gone
    And a group of all of them
    When the server has the gateway read something of all of them
    Then the server gets one report with what became of each device
