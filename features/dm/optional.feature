@role:dm-client
Feature: What a client need not have
  Copies, processes and lists (DM Representation Protocol 1.2, DM Tree and Description 1.2): who has them, has them right.

  @DM-CLI-44 @id:copy
  Scenario: A copy has the value
    Given a client to which the server has added a value
    When the server copies the value
    Then the client confirms the copy, or has no copies
    And the server reads the copy

  @DM-CLI-45 @id:start-nothing
  Scenario: What is not there cannot be started
    Given the server wants to start something that is not there
    When the client begins a session
    Then the client says that it is not there, or that it starts nothing

  @DM-CLI-45 @id:start-value
  Scenario: A value cannot be started
    Given the server wants to start a value
    When the client begins a session
    Then the client says that it cannot be started

  @DM-CLI-46 @id:list
  Scenario: A list has what is there
    Given a client to which the server has added a value
    When the server asks for all that is where it may add
    Then the client answers it, or has no lists
    And the value is in the list
