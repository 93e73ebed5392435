@role:lwm2m-client
Feature: What a client keeps to itself
  The client's side of security (AD 5.3.1.4, 5.4).

  @LW-SEC-07 @LW-SC-05 @id:keys @ETS-1.0-int-221
  Scenario: No server reaches the keys
    Given a client that is registered
    When its server reads the keys
    Then the client refuses it as no business of a server
    When its server discovers the keys
    Then the client refuses it as no business of a server
    When its server writes a key
    Then the client refuses it as no business of a server
    When its server wants reports of the keys in other intervals
    Then the client refuses it as no business of a server
    When its server observes the keys
    Then the client refuses it as no business of a server
    And the client has listed no keys
    And its server can read the client

  @LW-SEC-07 @id:keys-otherwise
  Scenario: No server changes the keys in any way that there is
    Given a client that is registered
    When its server writes, creates and deletes keys in all ways that there are
    Then the client does none of it
    And its server can read the client

  @LW-SEC-03 @secured @if:lwm2m.client.security @id:server-without-key @ETS-1.1-int-403
  Scenario: A client says nothing to who does not have its key
    When the client is started, and its server does not have the client's key
    And its server has the client's key again, and the client is started anew
    Then the client has said nothing to who did not have its key

  @LW-IF1-01 @secured @if:lwm2m.client.security @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:fresh-keys
  Scenario: A client shakes hands with the keys that its bootstrap brought
    Given a client that has asked for bootstrap
    When its bootstrap server gives it an account with a key, and ends the bootstrap
    Then the client has come with the key that its bootstrap brought, and said nothing in the clear
