@role:lwm2m-client
Feature: A client that is bootstrapped
  What a client makes of its bootstrap server, which the tester plays (AD 5.3.1.3, 5.3.2.1).

  @LW-BS-07 @ETS-1.0-int-7 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:bootstrap-first
  Scenario: A client without accounts asks for bootstrap first
    When the client is started without accounts
    Then the client asks for bootstrap before anything else

  @LW-BS-07 @ETS-1.0-int-6 @bootstrap-account-alone @if:lwm2m.client.bootstraps @time-passes @slow:10s @id:registers-afterwards
  Scenario: A client registers when its bootstrap has ended
    Given a client that has asked for bootstrap
    When its bootstrap server gives it an account, and ends the bootstrap a while later
    Then the client registers when the bootstrap has ended, and not before

  @LW-BS-08 @ETS-1.0-int-4 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:everything-deleted
  Scenario: A client whose data is deleted keeps the account of its bootstrap server
    Given a client that has asked for bootstrap
    When its bootstrap server deletes everything
    Then the client confirms the deletion
    And what it had been given is gone
    And the client still has the account of its bootstrap server and its device

  @LW-BS-08 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:keys-deleted
  Scenario: A client whose keys are deleted keeps the account of its bootstrap server
    Given a client that has asked for bootstrap
    When its bootstrap server deletes all keys
    Then the client confirms the deletion
    And what it had been given is gone
    And the client still has the account of its bootstrap server and its device

  @LW-BS-09 @ETS-1.0-int-9 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:half-an-account
  Scenario: The end of a bootstrap that brought half an account is refused
    Given a client that has asked for bootstrap
    When its bootstrap server gives it half an account, and ends the bootstrap
    Then the client refuses the end of the bootstrap
    And the client registers nowhere

  @LW-BS-09 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:halves-of-two
  Scenario: Halves of two accounts are no account
    Given a client that has asked for bootstrap
    When its bootstrap server gives it halves of two accounts, and ends the bootstrap
    Then the client refuses the end of the bootstrap
    And the client registers nowhere

  @LW-BS-10 @bootstrap-account-alone @if:lwm2m.client.bootstraps @time-passes @slow:310s @id:no-end
  Scenario: A client whose bootstrap never ends does not use what it was given
    Given a client that has asked for bootstrap
    When its bootstrap server gives it an account, and is not heard of for as long as a bootstrap may last
    Then the client registers nowhere
    And the client asks for bootstrap again

  @LW-IF1-01 @ETS-1.0-int-0 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:confirmed-step-by-step
  Scenario: A client confirms its bootstrap step by step
    Given a client that has asked for bootstrap
    When its bootstrap server clears it, gives it an account, and ends the bootstrap
    Then the client confirms each operation

  @LW-IF1-02 @ETS-1.1-int-5 @since:1.1 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:triggered
  Scenario: A server has a client ask for bootstrap
    Given a client that is registered with what its bootstrap brought
    When its server has the client ask for bootstrap
    Then the client does what it was told, and asks for bootstrap

  @LW-IF1-02 @if:lwm2m.version=1.0 @advice @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:unasked
  Scenario: A bootstrap server begins of its own accord
    Given a client that is registered with what its bootstrap brought
    When its bootstrap server gives it an account anew, which the client did not ask for
    Then the client confirms each operation

  @LW-IF1-03 @two-servers @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:two-at-once
  Scenario: A client is given two accounts at once
    Given a client that has asked for bootstrap
    When its bootstrap server gives it two accounts at once, and ends the bootstrap
    Then the client confirms each operation
    And the client registers with each of them

  @LW-IF1-03 @ETS-1.1-int-8 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:written-twice
  Scenario: What a client is given last is what it has
    Given a client that has asked for bootstrap
    When its bootstrap server gives it an account twice with different life times, and ends the bootstrap
    Then the client confirms each operation
    And the client registers for the life time that it was given last

  @LW-IF1-03 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:unknown-resource
  Scenario: A client passes over what it does not have
    Given a client that has asked for bootstrap
    When its bootstrap server gives it an account with something in it that nobody has, and ends the bootstrap
    Then the client confirms each operation
    And the client registers when the bootstrap has ended, and not before

  @LW-IF1-04 @ETS-1.0-int-0 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:discovered
  Scenario: A bootstrap server discovers which accounts a client has
    Given a client that has asked for bootstrap
    When its bootstrap server gives it an account, and looks what is there
    Then the client shows whose account that is, and nothing of the kind at its bootstrap server's

  @LW-IF1-05 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:unknown-format
  Scenario: What a client is given in a format that it does not know is refused
    Given a client that has asked for bootstrap
    When its bootstrap server writes in a format that nobody knows
    Then the client refuses it because of the format

  @LW-IF1-05 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:broken
  Scenario: What a client is given and cannot read is refused
    Given a client that has asked for bootstrap
    When its bootstrap server writes what cannot be read
    Then the client refuses it as a bad request

  @LW-IF1-06 @ETS-1.0-int-6 @bootstrap-account-too @if:lwm2m.client.bootstraps @id:factory-account
  Scenario: A client with an account of its factory needs no bootstrap server
    Given a bootstrap server that does not answer
    When the client is started
    Then the client registers, and has not asked for bootstrap before

  @LW-IF1-07 @ETS-1.0-int-7 @since:1.1 @bootstrap-account-alone @if:lwm2m.client.bootstraps @id:refused-everywhere
  Scenario: A client that no server takes asks for bootstrap
    Given a client that has asked for bootstrap
    When its bootstrap server leads it to a server that forbids the registration
    Then the client asks for bootstrap again

  @LW-IF1-08 @id:server-deletes
  Scenario: A server that is no bootstrap server cannot delete everything
    Given a client that is registered
    When its server deletes everything, as only a bootstrap server may
    Then the client does not do it
    And the client still has the account of its server

  @LW-IF1-08 @id:server-ends
  Scenario: A server that is no bootstrap server cannot end a bootstrap
    Given a client that is registered
    When its server ends a bootstrap that nobody has begun
    Then the client does not do it
    And its server can read the client
