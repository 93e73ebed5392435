@role:dm-client
Feature: Large objects
  Values that do not fit into a message (DM Protocol 1.2).

  @DM-CLI-42 @id:parts @if:dm.client.large_objects
  Scenario: A value that comes in parts is there
    Given a client that has nothing where the server may add
    And a server that sends little at a time
    And the server wants to add a value that does not fit into a message
    When the client begins a session
    Then the client takes each part of it
    And the client closes no package while the server's is open
    And the client confirms that it has added all of it
    And the server reads all of it

  @DM-CLI-42 @id:wrong-size @if:dm.client.large_objects
  Scenario: A value that is not as large as was said is not there
    Given a client that has nothing where the server may add
    And a server that sends little at a time, and says that it is more
    And the server wants to add a value that does not fit into a message
    When the client begins a session
    Then the client says that it is not as much as that
    And nothing is there

  @DM-CLI-42 @id:interrupted @if:dm.client.large_objects
  Scenario: A value that is interrupted is not there
    Given a client that has nothing where the server may add
    And a server that sends little at a time, and goes on with something else
    And the server wants to add a value that does not fit into a message
    When the client begins a session
    Then the client says that the value has no end
    And nothing is there

  @DM-CLI-43 @id:small-messages @if:dm.client.large_objects
  Scenario: A server that takes little at a time gets little at a time
    Given a client to which the server has added a large value
    And a server that takes little at a time
    When the server reads the large value
    Then no message of the client is larger than the server takes
    And the server gets all of it
