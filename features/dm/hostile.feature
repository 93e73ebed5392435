@role:dm-client
Feature: Servers that want to hurt
  A client that meets one goes on all the same.

  @DM-CLI-40 @id:grows
  Scenario: A message that grows while it is read stops no client
    Given a server whose messages grow while they are read
    When the client meets it
    And the client is to begin a session with a server that behaves
    Then the client begins one

  @DM-CLI-40 @id:deep
  Scenario: A message that is nested without measure stops no client
    Given a server whose messages are nested without measure
    When the client meets it
    And the client is to begin a session with a server that behaves
    Then the client begins one

  @DM-CLI-40 @id:large
  Scenario: A very large message stops no client
    Given a server whose messages are very large
    When the client meets it
    And the client is to begin a session with a server that behaves
    Then the client begins one

  @DM-CLI-40 @id:broken
  Scenario: A broken message stops no client
    Given a server whose messages are broken
    When the client meets it
    And the client is to begin a session with a server that behaves
    Then the client begins one

  @DM-CLI-40 @id:endless
  Scenario: A server that always wants more stops no client
    Given a server that asks for the next message again and again
    When the client meets it
    And the client is to begin a session with a server that behaves
    Then the client begins one

  @DM-CLI-41 @id:no-end @if:dm.client.large_objects
  Scenario: A value that never ends is not there
    Given a client that has nothing where the server may add
    And a server that adds a value without an end
    When the client meets it
    And a server that behaves looks for it
    Then it is not there
