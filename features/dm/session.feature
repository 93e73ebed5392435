@role:dm-client
Feature: A session, as a client has it
  What a client says in a session with its server, which the tester plays (DM Protocol 1.2).

  @DM-CLI-01 @id:opens
  Scenario: A session begins with who the device is
    When the client begins a session
    Then the client says why, who it is, and that this is all

  @DM-CLI-02 @id:every-command-answered
  Scenario: Whatever a server asks for is answered once
    Given the server wants to read a value that is there
    And the server wants to read a value that is not there
    When the client begins a session
    Then the client answers every header and every command once

  @DM-CLI-02 @id:numbers
  Scenario: What a client says is numbered
    Given the server wants to read a value that is there
    And the server wants to read a value that is not there
    When the client begins a session
    Then each of its commands has a number of its own

  @DM-CLI-11 @id:unknown-alert
  Scenario: An alert that nobody knows is refused by name
    Given the server sends an alert that nobody knows
    When the client begins a session
    Then the client says that it does not know it

  @DM-CLI-12 @id:elsewhere
  Scenario: The next message goes where the server wants it
    Given a server that wants the next message elsewhere
    And the server wants to read a value that is there
    When the client begins a session
    Then the next message goes there

  @DM-CLI-47 @id:ended
  Scenario: A session that the server ends is over
    Given a server that ends each session at once
    When the client begins a session
    Then the client says nothing more in it

  @DM-CLI-49 @id:unknown-version
  Scenario: A client does nothing for a version that it does not know
    Given a server that speaks a version of the protocol that there is not
    And the server wants to read a value that is there
    When the client begins a session
    Then the client does nothing that it wants

  @DM-CLI-50 @id:reports
  Scenario: A report says what it is about
    When the client has something to report
    Then it says what that is about

  @DM-CLI-52 @id:no-command
  Scenario: A command that there is not is not done
    Given the server wants something for which there is no command
    When the client begins a session
    Then the client does not confirm it
