Feature: Applications
  One application reaches many devices through the server (AD B.1).

  @LW-REL-01 @id:reaches-a-device
  Scenario: An application reaches a device
    Given a device that is registered
    When the operator writes a number to a resource of the device
    Then the device is asked to write that number there
    And the operator is told that it is done

  @LW-REL-03 @id:many-answer-for-themselves
  Scenario: Each of many devices answers for itself
    Given ten devices that are registered
    When the operator reads the serial number of each of them
    Then each of them is asked for its own, and nobody else
    And the operator sees of each what it has

  @LW-REL-05 @id:many-report
  Scenario: What many devices report arrives
    Given ten devices whose battery level the operator observes
    When all of them report at the same time
    Then the operator sees each of these reports once and in order

  @LW-REL-06 @id:absent-device
  Scenario: An absent device is an error
    Given a device that has left
    And another device that is registered
    When the operator reads the manufacturer of the device
    Then the operator is told of an error, and the device hears nothing
