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
