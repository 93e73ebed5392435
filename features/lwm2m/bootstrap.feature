@role:lwm2m-bootstrap-server @exclusive
Feature: Bootstrap
  How devices without accounts are given some (AD 5.3.1.3, 5.3.2.1).

  @LW-BS-01 @ETS-1.0-int-0 @id:device-is-provisioned
  Scenario: A device that is known is given accounts
    Given a device that the bootstrap server knows
    When the device asks for bootstrap
    Then the bootstrap server confirms the request
    And the device is given accounts and told that it is over

  @LW-BS-01 @id:device-is-provisioned-again
  Scenario: A device that comes back is given accounts again
    Given a device that was bootstrapped
    When the device asks for bootstrap again
    Then the bootstrap server confirms the request
    And the device is given accounts and told that it is over

  @LW-BS-02 @ETS-1.0-int-0 @ETS-1.0-int-9 @id:accounts-fit
  Scenario: What a device is given is an account that works
    Given a device that the bootstrap server knows
    When the device asks for bootstrap
    Then the accounts that the device was given are whole and fit together

  @LW-BS-03 @ETS-1.0-int-1 @id:leads-to-its-server
  Scenario: A device registers where its bootstrap leads it
    Given a device that was bootstrapped
    When the device registers with what it was given
    Then the server to which the device was led confirms the registration

  @LW-BS-04 @if:lwm2m.bootstrap.open=false @id:stranger-refused
  Scenario: A device that nobody knows is given nothing
    Given a device that was bootstrapped
    When a stranger asks for bootstrap
    Then the bootstrap server refuses the request as a bad request
    And nothing is written to it

  @LW-BS-04 @id:nameless-refused
  Scenario: Who does not say who he is is given nothing
    Given a device that was bootstrapped
    When somebody asks for bootstrap without a name
    Then the bootstrap server refuses the request as a bad request
    And nothing is written to it

  @LW-BS-05 @ETS-1.0-int-9 @id:refused-write-is-no-success
  Scenario: A write that the device refuses is not passed over
    Given a device that was bootstrapped
    And the device refuses to be written to
    When the device asks for bootstrap again
    Then the bootstrap server does not call that a success

  @LW-BS-06 @id:two-at-the-same-time
  Scenario: Two devices that bootstrap at the same time are not mixed up
    Given two devices that were bootstrapped one after the other
    When both devices ask for bootstrap at the same time
    Then each device is given what is its own

  @LW-IF1-01 @ETS-1.0-int-0 @id:in-this-order
  Scenario: Request, confirmation, operations and end come in this order
    Given a device that the bootstrap server knows
    When the device asks for bootstrap
    Then the operations come after the confirmation and ask to be acknowledged
    And nothing comes after the end

  @LW-SEC-17 @secured @if:lwm2m.bootstrap.security @id:nothing-in-the-clear
  Scenario: Nobody is given anything in the clear that is a device's
    Given a device that was bootstrapped
    When somebody asks in the clear for what is the device's
    Then the bootstrap server does not do it
    And nothing is written to it

  @LW-SEC-17 @secured @if:lwm2m.bootstrap.security @id:nothing-to-another
  Scenario: A session brings nobody what is another device's
    Given a device that was bootstrapped
    When another device asks for what is the device's
    Then the bootstrap server does not do it
    And nothing is written to it

  @LW-BS-03 @secured @if:lwm2m.bootstrap.security @id:leads-with-keys
  Scenario: A device shakes hands with the keys that its bootstrap brought
    Given a device that was bootstrapped
    When the device registers with what it was given
    Then the server to which the device was led confirms the registration
