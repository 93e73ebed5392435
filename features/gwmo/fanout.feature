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

  @GwMO-FORA-002 @id:aggregate
  Scenario: Each device is in the report once, whatever became of it
    Given three devices that have attached
    And the second device does not have what is read, and the third has gone
    And a group of all three devices
    When the server has the gateway read something of the group
    Then the server gets one report with what became of each device
