@role:dm-client
Feature: Who is who, for a client
  Whom a client believes, and how it shows who it is (DM Security 1.2).

  @DM-CLI-07 @id:no-credentials @if:dm.client.account.server_password
  Scenario: A server that does not show who it is is not obeyed
    Given a server that shows the client no credentials
    And the server wants to read a value that is there
    When the client begins a session
    Then the client asks the server for credentials, and does nothing

  @DM-CLI-07 @id:wrong-credentials @if:dm.client.account.server_password
  Scenario: A server that shows a wrong password is not obeyed
    Given a server that shows the client credentials that are wrong
    And the server wants to read a value that is there
    When the client begins a session
    Then the client refuses the server's credentials, and does nothing

  @DM-CLI-07 @id:unproven-adds @if:dm.client.account.server_password @if:dm.client.area
  Scenario: A server that does not show who it is changes nothing
    Given a client that has nothing where the server may add
    And a server that shows the client no credentials
    And the server wants to add a value
    When the client begins a session
    And a server that the client believes looks for it
    Then it is not there

  @DM-CLI-07 @id:wrong-adds @if:dm.client.account.server_password @if:dm.client.area
  Scenario: A server that shows a wrong password changes nothing
    Given a client that has nothing where the server may add
    And a server that shows the client credentials that are wrong
    And the server wants to add a value
    When the client begins a session
    And a server that the client believes looks for it
    Then it is not there

  @DM-CLI-08 @id:challenged @if:dm.client.account.scheme=md5
  Scenario: A client that is challenged shows who it is
    Given a server that expects a digest of another nonce than the client knows
    When the client begins a session
    Then the client begins anew in the same session
    And the server accepts its credentials

  @DM-CLI-07 @id:old-digest @if:dm.client.account.server_password @if:dm.client.account.scheme=md5
  Scenario: A server that shows what it showed before is not obeyed
    Given a client that has had a session with a server, which shows it the same digest from now on
    And the server wants to read a value that is there
    When the client begins a session
    Then the client refuses the digest that it was shown before, and does nothing

  @DM-CLI-07 @advice @id:zero-digest @if:dm.client.account.server_password @if:dm.client.account.scheme=md5
  Scenario: A server that has lost no nonce shows none that is lost
    Given a client that has had a session with a server, which shows it a digest of four zeros from now on
    And the server wants to read a value that is there
    When the client begins a session
    Then the client refuses that digest, and does nothing

  @DM-CLI-08 @advice @id:never-believed
  Scenario: A client that is never believed gives up
    Given a server that does not know the client's password
    When the client begins a session, until it is heard no more
    Then the client gives up before long

  @DM-CLI-51 @id:each-message @if:dm.client.account.password
  Scenario: A client that is believed for a message shows who it is in the next one
    Given a server that believes the client for one message at a time
    And the server wants to read a value that is there
    When the client begins a session
    Then the client shows who it is with each message
