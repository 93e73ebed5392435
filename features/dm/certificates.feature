@role:dm-client
Feature: Which servers a client believes over TLS
  A client over HTTPS looks at the certificate of a server before it says anything (RFC 9110, 4.3.4). The tester's
  authority is one that the client trusts; each certificate has one fault at most.

  @DM-CLI-53 @if:dm.client.https @if:dm.client.bootstrap @id:unknown-authority
  Scenario: A client says nothing to a server whose certificate is of an authority that it does not know
    Given a new server with a certificate of an unknown authority, and another one with a good certificate
    When an account of the one is given to the client, and then one of the other
    Then the client says nothing to the one, and comes to the other

  @DM-CLI-53 @if:dm.client.https @if:dm.client.bootstrap @id:self-signed
  Scenario: A client says nothing to a server that signed its certificate itself
    Given a new server with a certificate that it signed itself, and another one with a good certificate
    When an account of the one is given to the client, and then one of the other
    Then the client says nothing to the one, and comes to the other

  @DM-CLI-53 @if:dm.client.https @if:dm.client.bootstrap @id:other-name
  Scenario: A client says nothing to a server whose certificate is for another host
    Given a new server with a certificate for another host, and another one with a good certificate
    When an account of the one is given to the client, and then one of the other
    Then the client says nothing to the one, and comes to the other

  @DM-CLI-53 @if:dm.client.https @if:dm.client.bootstrap @id:expired
  Scenario: A client says nothing to a server whose certificate has expired
    Given a new server with a certificate that has expired, and another one with a good certificate
    When an account of the one is given to the client, and then one of the other
    Then the client says nothing to the one, and comes to the other

  @DM-CLI-53 @if:dm.client.https @if:dm.client.bootstrap @id:not-yet-valid
  Scenario: A client says nothing to a server whose certificate is not valid yet
    Given a new server with a certificate that is not valid yet, and another one with a good certificate
    When an account of the one is given to the client, and then one of the other
    Then the client says nothing to the one, and comes to the other

  @DM-ADM-002 @if:dm.client.https @if:dm.client.bootstrap @id:fetch-unknown-authority
  Scenario: A client takes no bootstrap for the certificate of an authority that it does not know
    Given two servers that the client has no account of
    When the client fetches an account of the one behind a certificate of an unknown authority, and then one of the other behind a good one
    Then the client says nothing to the one, and comes to the other

  @DM-ADM-002 @if:dm.client.https @if:dm.client.bootstrap @id:fetch-other-name
  Scenario: A client takes no bootstrap for a certificate that is for another host
    Given two servers that the client has no account of
    When the client fetches an account of the one behind a certificate for another host, and then one of the other behind a good one
    Then the client says nothing to the one, and comes to the other

  @DM-ADM-002 @if:dm.client.https @if:dm.client.bootstrap @id:fetch-expired
  Scenario: A client takes no bootstrap for a certificate that has expired
    Given two servers that the client has no account of
    When the client fetches an account of the one behind a certificate that has expired, and then one of the other behind a good one
    Then the client says nothing to the one, and comes to the other
