Feature: Twinning across operators
  Primary and secondary are served by different operators (RD 6.1.5 and HLF-TE-006, CR PUT statements).

  @HLF-TE-006 @HLF-IC-002 @if:HLF-SD-002 @id:code-from-the-named-operator
  Scenario: A code is fetched from the operator that was named
    Given another operator that is a partner
    When a secondary device asks for an activation code and names the other operator as the primary's
    Then the answer holds a code of the other operator
    And the other operator was asked for a code

  @HLF-TE-006 @id:code-of-the-own-operator
  Scenario: Without a name the code is the own operator's
    Given another operator that is a partner
    When a secondary device asks for an activation code and names no operator
    Then the answer holds a code of the enabler's own operator
    And the other operator hears nothing of it

  @HLF-TE-006 @if:HLF-SD-002 @id:named-operator-out-of-service
  Scenario: No code is made up for an operator that is out of service
    Given the other operator is out of service
    When a secondary device asks for an activation code and names the other operator as the primary's
    Then the secondary device is told that it could not be done
    And no code is made up in the other operator's place
    And the secondary device has no more twinnings than it was told of

  @HLF-TE-006 @if:HLF-SD-002 @id:named-operator-silent
  Scenario: No code is made up for an operator that does not answer
    Given the other operator does not answer
    When a secondary device asks for an activation code and names the other operator as the primary's
    Then the secondary device is told that it could not be done
    And no code is made up in the other operator's place
    And the secondary device has no more twinnings than it was told of

  @HLF-IC-002 @if:HLF-SD-002 @id:named-operator-refuses
  Scenario: A refusal of the other operator is passed on
    Given the other operator refuses
    When a secondary device asks for an activation code and names the other operator as the primary's
    Then the secondary device is told that it could not be done
    And no code is made up in the other operator's place
    And the secondary device has no more twinnings than it was told of

  @HLF-IC-001 @id:primary-here
  Scenario: A primary here is twinned with a secondary of another operator
    Given another operator that is a partner
    When a primary device activates with a code of the other operator
    Then the enabler accepts the activation
    And the primary device reads that its twinning is on
    And the twinning at the other operator is switched on

  @HLF-IC-001 @id:secondary-here
  Scenario: A secondary here is twinned with a primary of another operator
    Given another operator that is a partner
    And a secondary device that holds a fresh activation code
    When a primary of the other operator activates with the code of the secondary device
    Then the enabler accepts it
    And the secondary device reads that its twinning is on

  @HLF-TE-008 @if:HLF-IC-001 @id:primary-of-a-device-abroad
  Scenario: A primary of a device of another operator cannot become a secondary
    Given a primary device twinned with a device of the other operator
    When the primary device asks for an activation code
    And a second primary device tries whatever code the primary device was given
    Then the second primary device has no twinnings
    And every twinning is as it was

  @HLF-TE-009 @if:HLF-IC-001 @id:secondary-of-a-primary-abroad
  Scenario: A secondary of another operator's primary gets no second twinning
    Given a secondary device taken up by a primary of the other operator
    When the secondary device asks for an activation code
    And a primary device tries whatever code the secondary device was given
    Then the primary device has no twinnings
    And every twinning is as it was

  @HLF-IC-001 @id:unknown-operator-refused
  Scenario: A code of an operator that nobody knows is refused
    Given a primary device without twinnings
    When the primary device activates with a code of an operator that nobody knows
    Then the enabler refuses the foreign code
    And the primary device has no twinnings

  @HLF-IC-003 @id:code-for-another-operator
  Scenario: Another operator is given a code that works, with its maker beside it
    Given another operator that is a partner
    And a primary device without twinnings
    When the other operator asks for an activation code
    Then the answer holds a code of the enabler's own operator
    When the primary device activates with the code that the other operator was given
    Then the enabler accepts the activation
    And the twinning at the other operator is switched on

  @HLF-IC-003 @id:no-code-for-a-stranger
  Scenario: Who is no partner is given no code
    Given another operator that is a partner
    And a primary device without twinnings
    When the primary device lists its twinnings
    And somebody who is no partner asks for an activation code for another operator
    Then the enabler turns the stranger to its partners away

  @HLF-IC-004 @id:activation-shows-the-primary
  Scenario: The other operator is asked to activate and shown the primary
    Given another operator that is a partner
    When a primary device activates with a code of the other operator
    Then the enabler accepts the activation
    And the other operator was asked to activate and shown the primary device

  @HLF-IC-004 @CR-N8 @CR-N11 @id:activation-refused-abroad
  Scenario: An activation that the other operator refuses leaves nothing half-made
    Given a primary device without twinnings
    And the other operator refuses
    When the primary device activates with a code of the other operator
    Then the primary device is told that it could not be done
    And the primary device has nothing but what it had before
    And nothing is written at the other operator

  @HLF-IC-004 @id:code-never-made
  Scenario: A code that the other operator never made activates nothing
    Given a primary device without twinnings
    When the primary device activates with a code that the other operator never made
    Then the primary device is told that it could not be done
    And the primary device has nothing but what it had before

  @HLF-IC-005 @CR-N8 @id:switch-here-reaches-abroad
  Scenario: A switch here reaches the other operator
    Given a primary device twinned with a device of the other operator
    When the primary device switches the twinning off
    Then the enabler accepts the change
    And after the primary device's change the twinning at the other operator is switched off
    When the primary device switches the twinning on
    Then the enabler accepts the change
    And after the primary device's change the twinning at the other operator is switched on

  @HLF-IC-005 @id:switch-abroad-reaches-here
  Scenario: A switch at the other operator reaches the devices here
    Given a primary device twinned with a device of the other operator
    When the other operator switches the twinning off
    Then the enabler accepts the change
    And the primary device reads that its twinning is off

  @HLF-IC-005 @id:switch-while-abroad-is-down
  Scenario: Both operators agree again once the other one is back
    Given a primary device twinned with a device of the other operator
    And the other operator is out of service
    When the primary device switches the twinning off
    And the other operator is back in service
    Then unless the switch was refused, the twinning at the other operator is switched off
    And the primary device reads that the twinning is off, or on if the switch was refused

  @HLF-IC-005 @id:forged-switch-refused
  Scenario: Who is no partner cannot switch a twinning
    Given a primary device twinned with a device of the other operator
    When somebody who is no partner switches the twinning off for the other operator
    Then the enabler turns the stranger to its partners away
    And nothing has changed

  @HLF-IC-006 @id:authorization-code-reaches-abroad
  Scenario: The other operator is given what its device needs here
    Given a primary device twinned with a device of the other operator
    Then an authorization code is written into the twinning at the other operator
    And the authorization code is shown to neither the primary device nor a stranger
    When the other operator redeems the authorization code that it was given
    Then the authorization server gives a token

  @HLF-IC-007 @id:news-from-abroad
  Scenario: The primary is told when the other operator's device switches
    Given a primary device twinned with a device of the other operator
    And the primary device has asked to be told of changes
    When the other operator switches the twinning off
    Then the primary device is told that the twinning is off
    And the other operator hears nothing of it

  @HLF-IC-007 @id:forged-news
  Scenario: A forged switch from abroad is no news
    Given a primary device twinned with a device of the other operator
    And the primary device has asked to be told of changes
    When somebody who is no partner switches the twinning off for the other operator
    Then the enabler turns the stranger to its partners away
    And the primary device is told nothing

  @HLF-IC-007 @id:news-for-abroad
  Scenario: A switch here is made known to the other operator
    Given a secondary device taken up by a primary of the other operator
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    And after the secondary device's change the twinning at the other operator is switched off

  @HLF-IC-007 @id:no-news-abroad-of-a-home-affair
  Scenario: A twinning within one operator is no news for another
    Given another operator that is a partner
    And a primary device twinned with a secondary device
    When the primary device switches the twinning off
    Then the enabler accepts the change
    And the other operator has heard nothing at all

  @CR-N2 @id:primary-written-abroad
  Scenario: The primary is written into the secondary's twinning abroad
    Given another operator that is a partner
    When a primary device activates with a code of the other operator
    Then the enabler accepts the activation
    And the primary device is written into the twinning at the other operator

  @CR-N2 @CR-N8 @CR-N11 @id:forged-activation-data
  Scenario: Only a partner can write activation data
    Given another operator that is a partner
    And a primary device without twinnings
    And a secondary device taken up by a primary of the other operator
    When somebody who is no partner writes the activation's data for the other operator
    Then the enabler turns the stranger to its partners away
    And nothing has changed

  @CR-N8 @id:status-written-abroad
  Scenario: The status is written into the secondary's twinning abroad
    Given another operator that is a partner
    When a primary device activates with a code of the other operator
    Then the enabler accepts the activation
    And the twinning at the other operator is switched on

  @CR-N11 @id:authorization-code-written-abroad
  Scenario: The authorization code is written into the secondary's twinning abroad
    Given another operator that is a partner
    When a primary device activates with a code of the other operator
    Then the enabler accepts the activation
    And an authorization code is written into the twinning at the other operator
