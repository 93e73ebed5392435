@role:dm-client
Feature: A client that is bootstrapped
  What a client makes of documents that bring it an account (DM Bootstrap 1.2), and of the addresses of bootstrap
  servers (RD DM 1.3, 6.2). The tester plays the bootstrap server, and the servers of the accounts.

  @DM-HLF-005 @id:pushed
  Scenario: A client gets an account by push
    Given a server that the client has no account of
    When its account is pushed to the client, protected by the identity of the subscriber
    Then the client comes to the server with what it was given

  @DM-HLF-005 @if:dm.client.bootstrap.message @id:message
  Scenario: A client gets an account by a message of DM
    Given a server that the client has no account of
    When its account is pushed to the client in a message of DM
    Then the client comes to the server with what it was given

  @DM-CLI-31 @id:userpin
  Scenario: A bootstrap is believed for the PIN that the user enters
    Given a server that the client has no account of
    When its account is pushed to the client, protected by a PIN that the user enters
    Then the client comes to the server with what it was given

  @DM-CLI-32 @if:dm.client.bootstrap.userpin_networkid @id:userpin-networkid
  Scenario: A bootstrap is believed for PIN and identity
    Given a server that the client has no account of
    When its account is pushed to the client, protected by a PIN and the identity of the subscriber
    Then the client comes to the server with what it was given

  @DM-SEC-001 @id:shared-secret
  Scenario: A bootstrap is believed for a secret that client and network share
    Given a server that the client has no account of
    When its account is pushed to the client, protected by the secret that it shares with its network
    Then the client comes to the server with what it was given

  @DM-CLI-33 @id:tampered
  Scenario: A bootstrap with a wrong MAC is refused
    Given two servers that the client has no account of
    When an account of the one is pushed to the client with a wrong MAC, and then one of the other as it has to be
    Then the client comes to the other server only

  @DM-CLI-33 @id:another-document
  Scenario: A bootstrap that was altered on its way is refused
    Given two servers that the client has no account of
    When an account of the one is pushed to the client with the MAC of another, and then one of the other as it has to be
    Then the client comes to the other server only

  @DM-CLI-33 @id:unprotected
  Scenario: A bootstrap that nobody protects is refused
    Given two servers that the client has no account of
    When an account of the one is pushed to the client without a MAC, and then one of the other as it has to be
    Then the client comes to the other server only

  @DM-CLI-33 @id:wrong-pin
  Scenario: A bootstrap is refused for wrong PINs
    Given two servers that the client has no account of
    When an account of the one is pushed to the client and three wrong PINs are entered, and then one of the other comes as it has to be
    Then the client comes to the other server only

  @DM-CLI-34 @id:keeps
  Scenario: A bootstrap leaves other accounts as they are
    Given a server that the client has no account of
    When its account is pushed to the client, protected by the identity of the subscriber
    And the client is told to begin a session with the server that it had
    Then the client still comes to the server that it had
    And the client comes to the server with what it was given

  @DM-ADM-001 @if:dm.client.bootstrap.message @id:connects
  Scenario: A client connects where its bootstrap demands it
    Given a server that the client has no account of
    When its account is pushed to the client, which demands a session
    Then the client comes to the server by itself

  @DM-ADM-002 @id:fetched
  Scenario: A client fetches its bootstrap
    Given a server that the client has no account of
    When the client fetches the account from the bootstrap server
    Then the client comes to the server with what it was given

  @DM-ADM-002 @usecase:B.1 @id:fetched-again
  Scenario: A bootstrap that has not changed is nothing new
    Given a server that the client has no account of
    When the client fetches the account from the bootstrap server
    And the client fetches it again, which has not changed
    Then the client names the document that it has
    And the client comes to the server with what it was given

  @DM-ADM-002 @id:error-page
  Scenario: What stands in an error answer is no bootstrap
    Given two servers that the client has no account of
    When the client fetches an account of the one, which comes with an error, and then one of the other
    Then the client comes to the other server only

  @DM-HLF-024 @id:discovered
  Scenario: A client discovers its bootstrap server
    Given a client that has had a session
    When a bootstrap server is announced where the client looks for one
    Then the client fetches its bootstrap there

  @DM-HLF-025 @id:discovery-allowed
  Scenario: A server allows discovery
    Given a client whose server has inhibited discovery, and then allowed it
    When a bootstrap server is announced where the client looks for one
    Then the client fetches its bootstrap there, as its server allows

  @DM-HLF-026 @id:discovery-inhibited
  Scenario: A server inhibits discovery
    Given a client whose server has inhibited discovery
    When a bootstrap server is announced, and another one after discovery was allowed
    Then the client fetches its bootstrap from the other one only

  @DM-HLF-027 @id:address-pushed
  Scenario: The address of a bootstrap server is pushed
    Given a client that has had a session
    When the address of a bootstrap server is pushed to the client
    Then the client fetches its bootstrap from the address that was pushed

  @DM-SEC-002 @id:address-forged
  Scenario: A forged address of a bootstrap server is not followed
    Given a client that has had a session
    When an address with a wrong MAC is pushed to the client, and then another one as it has to be
    Then the client fetches its bootstrap from the good address only

  @DM-SEC-002 @id:address-unprotected
  Scenario: An address of a bootstrap server that nobody protects is not followed
    Given a client that has had a session
    When an address without a MAC is pushed to the client, and then another one as it has to be
    Then the client fetches its bootstrap from the good address only

  @DM-HLF-028 @id:push-allowed
  Scenario: A server allows that an address is pushed
    Given a client whose server has inhibited pushed addresses, and then allowed them
    When the address of a bootstrap server is pushed to the client
    Then the client fetches its bootstrap from the address, as its server allows

  @DM-HLF-029 @id:push-inhibited
  Scenario: A server inhibits that an address is pushed
    Given a client whose server has inhibited pushed addresses
    When an address is pushed to the client, and another one after pushing was allowed
    Then the client follows the later address only

  @DM-HLF-030 @id:object
  Scenario: A server says where the client gets its bootstrap
    Given a client to which its server has given the address of a bootstrap server
    When the client bootstraps itself
    Then the client fetches its bootstrap from the address that it was given

  @DM-HLF-030 @id:object-changed
  Scenario: A server says that the client gets its bootstrap elsewhere
    Given a client to which its server has given the address of a bootstrap server, and then another one in its place
    When the client bootstraps itself
    Then the client fetches its bootstrap from the address that it was given

  @DM-HLF-031 @id:card-address
  Scenario: The address of a bootstrap server is on the card
    Given a client with a card that has the address of a bootstrap server
    And a client that has had a session
    When the client bootstraps itself
    Then the client fetches its bootstrap there

  @DM-HLF-013 @id:card
  Scenario: An account is on the card, behind more than 32 KB
    Given a server that the client has no account of
    When a card is put into the client that has its account behind more than 32 KB
    Then the client comes to the server with what it was given

  @DM-CLI-35 @id:card-removed
  Scenario: What is gone from the card is gone from the client
    Given two servers that the client has no account of
    When a card with an account of the one is put into the client, and then a card with one of the other
    Then the client comes to the other server only
