@role:lwm2m-client
Feature: A client and its smart card
  Accounts that come on a card, which the client's control puts in and takes out (AD 5.3.1.4).

  @LW-SC-01 @ETS-1.0-int-3 @bootstrap-account-alone @if:lwm2m.client.bootstraps @if:lwm2m.client.card @id:leads-to-its-server
  Scenario: A client registers where its card leads it
    Given a client with a card that holds the account of its server
    When the client is started
    Then the client registers, and has not asked for bootstrap before

  @LW-SC-02 @ETS-1.0-int-6 @two-servers @card-for-other @if:lwm2m.client.card @id:before-the-factory
  Scenario: The card comes before the factory
    Given a client with a card that holds the account of another server than its own
    When the client is started, and may register with both
    Then the client registers with the server of its card first

  @LW-SC-03 @bootstrap-account-alone @if:lwm2m.client.bootstraps @if:lwm2m.client.card @id:removed
  Scenario: A card that is taken out takes its account along
    Given a client with a card that holds the account of its server
    And the client is registered with the server of its card
    When the card is taken out, and the server has the client update its registration
    Then the client does not use the account of the card any more
