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

  @DM-CLI-08 @id:challenged @if:dm.client.account.scheme=md5
  Scenario: A client that is challenged shows who it is
    Given a server that expects a digest of another nonce than the client knows
    When the client begins a session
    Then the client begins anew in the same session
    And the server accepts its credentials
