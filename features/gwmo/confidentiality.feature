@role:dm-gateway
Feature: What is said to a gateway alone
  The rules of device management for confidentiality hold at a gateway, too (RD GwMO 1.0). The tester's authority is
  one that the gateway trusts; each certificate has one fault at most.

  @DM-SECONF-001 @if:gwmo.https @id:secured
  Scenario: What a gateway and its server say over TLS is said there alone
    Given a server that the gateway reaches over TLS
    When that server has the gateway change something and read it
    Then nobody else learns of it

  @DM-SECONF-001 @if:gwmo.https @id:unknown-authority
  Scenario: A gateway says nothing to a server whose certificate is of an authority that it does not know
    Given a server that the gateway reaches over TLS
    When that server has it come behind a certificate of an unknown authority, and then behind a good one
    Then the gateway says nothing behind the one, and has its session behind the other

  @DM-SECONF-001 @if:gwmo.https @id:self-signed
  Scenario: A gateway says nothing to a server that signed its certificate itself
    Given a server that the gateway reaches over TLS
    When that server has it come behind a certificate that it signed itself, and then behind a good one
    Then the gateway says nothing behind the one, and has its session behind the other

  @DM-SECONF-001 @if:gwmo.https @id:other-name
  Scenario: A gateway says nothing to a server whose certificate is for another host
    Given a server that the gateway reaches over TLS
    When that server has it come behind a certificate for another host, and then behind a good one
    Then the gateway says nothing behind the one, and has its session behind the other

  @DM-SECONF-001 @if:gwmo.https @id:expired
  Scenario: A gateway says nothing to a server whose certificate has expired
    Given a server that the gateway reaches over TLS
    When that server has it come behind a certificate that has expired, and then behind a good one
    Then the gateway says nothing behind the one, and has its session behind the other

  @DM-SECONF-001 @if:gwmo.https @id:not-yet-valid
  Scenario: A gateway says nothing to a server whose certificate is not valid yet
    Given a server that the gateway reaches over TLS
    When that server has it come behind a certificate that is not valid yet, and then behind a good one
    Then the gateway says nothing behind the one, and has its session behind the other

  @DM-SECONF-001 @if:gwmo.secret @id:secrets
  Scenario: A secret of a gateway's account is told to nobody
    When the server reads a secret of the gateway's account
    Then it is not told the secret

  @DM-SECONF-001 @id:below
  Scenario: What a gateway shares with its server is told to no device
    Given three devices that have attached
    When the server has the gateway change something of each and read it
    Then each is told it, and nothing of the server's account is in what passes below
