Feature: What a twinning says
  The statements of the change request about the fields of a twinning.

  @CR-N1 @id:each-names-the-other
  Scenario: After the activation each device names the other
    Given a secondary device that holds a fresh activation code
    Then the secondary device names no partner yet
    When a primary device activates with that code
    Then the primary device names the secondary device as its partner
    And the secondary device names the primary device as its partner

  @CR-N1 @id:partner-of-a-request-is-not-kept
  Scenario: A partner that a secondary device names itself is not kept
    When a secondary device asks for an activation code and names a stranger as its partner
    Then the enabler accepts or refuses it properly
    And the address of the stranger is shown nowhere in the twinning of the secondary device

  @CR-N1 @id:partner-of-an-activation-is-not-kept
  Scenario: A partner that a primary device names itself is not kept
    Given a secondary device that holds a fresh activation code
    When a primary device activates with that code and names a stranger as its partner
    Then the enabler accepts or refuses it properly
    And the address of the stranger is shown nowhere in the twinning of the primary device
    And the address of the stranger is shown nowhere in the twinning of the secondary device

  @CR-N1 @id:partner-of-a-change-is-not-kept
  Scenario: A device cannot change its partner
    Given a primary device twinned with a secondary device
    When the primary device changes its twinning and names a stranger as its partner
    Then the enabler accepts or refuses it properly
    And the address of the stranger is shown nowhere in the twinning of the primary device
    And nothing has changed

  @CR-N3 @id:codes-differ
  Scenario: Every device is given another code
    When a secondary device asks for an activation code
    And a second secondary device asks for an activation code
    And a third secondary device asks for an activation code
    And a fourth secondary device asks for an activation code
    Then each of them was given another code

  @CR-N3 @id:proposed-code-is-not-adopted
  Scenario: A code that a device proposes is not adopted
    When a secondary device asks for an activation code and proposes one of its own
    Then the enabler accepts or refuses it properly
    And the code is not the one that the device proposed

  @CR-N4 @id:code-in-the-answer
  Scenario: The answer to a secondary device holds the code
    When a secondary device asks for an activation code
    Then the enabler creates a twinning
    And the answer holds an activation code

  @CR-N4 @id:no-code-for-the-primary
  Scenario: The answer to a primary device brings no new code
    Given a secondary device that holds a fresh activation code
    When a primary device activates with that code
    Then the enabler accepts the activation
    And the answer brings no new activation code

  @CR-N5 @id:starts-pending
  Scenario: A secondary's twinning starts as pending
    When a secondary device asks for an activation code
    Then the answer says that the device is the secondary
    And the answer says that the twinning is pending
    And the secondary device reads that its twinning is pending

  @CR-N5 @id:claimed-status-is-not-kept
  Scenario: A device that claims to be on stays pending
    Given a second secondary device that holds a fresh activation code
    When a secondary device asks for an activation code and claims to be on already
    Then the enabler accepts or refuses it properly
    And the secondary device has no twinning that is on

  @CR-N6 @id:primary-is-on
  Scenario: The primary's twinning is on at once
    Given a secondary device that holds a fresh activation code
    When a primary device activates with that code
    Then the answer says that the device is the primary
    And the answer says that the twinning is on
    And the primary device reads that its twinning is on

  @CR-N7 @id:secondary-turns-on
  Scenario: The secondary's twinning turns on by the primary's activation
    Given a secondary device that holds a fresh activation code
    Then the secondary device reads that its twinning is pending
    When a primary device activates with that code
    Then the secondary device reads that its twinning is on

  @CR-N9 @id:secondary-has-authorization-code
  Scenario: A twinned secondary device reads an authorization code
    Given a primary device twinned with a secondary device
    Then the secondary device reads an authorization code
    When the primary device switches the twinning off
    Then the secondary device reads that its twinning is off
    And the secondary device reads an authorization code

  @CR-N9 @id:no-authorization-code-while-pending
  Scenario: A secondary device that waits reads no authorization code
    Given a secondary device that holds a fresh activation code
    Then the secondary device reads no authorization code

  @CR-N9 @id:no-authorization-code-for-the-primary
  Scenario: The primary device reads no authorization code
    Given a primary device twinned with a secondary device
    Then the secondary device reads an authorization code
    And the primary device reads no authorization code

  @CR-N12 @id:own-address
  Scenario: Every answer shows the device's own address
    When a secondary device asks for an activation code
    Then the answer shows the own address of the secondary device
    And the secondary device reads its own address
    When a primary device activates with that code
    Then the answer shows the own address of the primary device
    And the primary device reads its own address
    And the secondary device reads its own address

  @CR-N12 @advice @id:own-address-by-credential
  Scenario: A device that does not say who it is reads its own address
    Given a primary device twinned with a secondary device
    When the primary device reads its twinning as the user of its own credential
    Then the answer shows the own address of the primary device

  @CR-N12 @id:claimed-address-is-not-kept
  Scenario: An address that a device gives itself is not kept
    When a secondary device asks for an activation code and gives the address of a stranger as its own
    Then the enabler accepts or refuses it properly
    And the address of the stranger is shown nowhere in the twinning of the secondary device

  @CR-N12 @id:claimed-address-of-an-activation-is-not-kept
  Scenario: An address that a primary device gives itself is not kept
    Given a secondary device that holds a fresh activation code
    When a primary device activates with that code and gives the address of a stranger as its own
    Then the enabler accepts or refuses it properly
    And the address of the stranger is shown nowhere in the twinning of the primary device
    And the address of the stranger is shown nowhere in the twinning of the secondary device

  @CR-N12 @id:claimed-address-of-a-change-is-not-kept
  Scenario: A device cannot change its own address
    Given a primary device twinned with a secondary device
    When the primary device changes its twinning and gives the address of a stranger as its own
    Then the enabler accepts or refuses it properly
    And the address of the stranger is shown nowhere in the twinning of the primary device
    And nothing has changed

  @CR-N12 @id:addresses-are-of-the-allowed-kinds
  Scenario: Addresses are telephone numbers, SIP addresses or anonymous references
    Given a primary device twinned with a secondary device
    Then the primary device reads addresses of the allowed kinds only
    And the secondary device reads addresses of the allowed kinds only

  @CR-N1 @advice @id:voice-mail
  Scenario: The secondary device learns the primary's voice mail address
    Given a primary device twinned with a secondary device
    Then the secondary device reads the voice mail address of the primary device
    When the primary device switches the twinning off
    And the primary device switches the twinning on
    Then the secondary device reads that its twinning is on
    And the secondary device reads the voice mail address of the primary device

  @CR-N1 @id:both-formats-agree
  Scenario: A twinning says the same in JSON and in XML
    Given a primary device twinned with a secondary device under the name "watch"
    Then the primary device reads the same twinning in JSON and in XML
    And the secondary device reads the same twinning in JSON and in XML
