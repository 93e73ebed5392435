Feature: Scenarios of one's own

  @HLF-TE-005 @id:code-works-once
  Scenario: An activation code works once
    Given a secondary device that holds a fresh activation code
    And a primary device that has activated with that code
    When a second primary device activates with the same code
    Then the enabler refuses the activation because the code is not valid
