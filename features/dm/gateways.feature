@role:dm-server
Feature: The server above a gateway
  One of its devices is a gateway, behind which there are others that the server does not reach (RD GwMO 1.0). The
  tester plays the gateway, and what is behind it.

  @DM-SRV-06 @id:attached
  Scenario: The server takes the report that a device has attached
    Given a gateway that is managed by the server, and a device behind it
    When the device attaches to the gateway
    Then the server takes what the gateway reports

  @DM-SRV-04 @DM-SRV-06 @id:fan-out
  Scenario: A fan-out is started once, and what came of it is taken
    Given a gateway that is managed by the server, and a device behind it
    And the operator wants the gateway to start a fan-out that it knows
    When the device attaches to the gateway
    Then the server has the gateway start the fan-out once
    When the device does what the fan-out wants
    Then the server takes what the gateway reports
    And the server does not have the gateway start the fan-out again
