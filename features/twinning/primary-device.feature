Feature: Primary device
  What an application on the primary device can do (RD 6.1.2).

  @HLF-PD-001 @CR-N6 @id:activates
  Scenario: A primary device activates a twinning with a code
    Given a secondary device that holds a fresh activation code
    When a primary device activates with that code
    Then the enabler creates a twinning
    And the answer says that the device is the primary
    And the answer says that the twinning is on
    And the answer names the secondary device as the partner
    And the primary device lists the secondary device as on and nothing else
    And the secondary device reads that its twinning is on

  @HLF-PD-001 @id:activates-in-xml
  Scenario: Two devices that speak XML are twinned
    Given a secondary device that speaks XML
    And a primary device that speaks XML
    And the secondary device holds a fresh activation code
    When the primary device activates with that code
    Then the enabler creates a twinning
    And the answer says that the twinning is on
    And the answer names the secondary device as the partner
    And the secondary device reads that its twinning is on

  @HLF-PD-001 @id:activates-across-formats
  Scenario: A device that speaks JSON is twinned with one that speaks XML
    Given a secondary device that speaks XML
    And a primary device that speaks JSON
    And the secondary device holds a fresh activation code
    When the primary device activates with that code
    Then the enabler creates a twinning
    And the primary device reads the same twinning in JSON and in XML
    And the secondary device reads the same twinning in JSON and in XML
    And the primary device reads the same list in JSON and in XML

  @HLF-PD-001 @id:activation-needs-code
  Scenario: Nobody is twinned without a code
    Given a secondary device that holds a fresh activation code
    When a primary device activates without a code
    Then the enabler refuses the activation because the code is not valid
    And nothing has changed
    And the primary device has no twinnings
    And the secondary device reads that its twinning is pending

  @HLF-PD-001 @CR-N6 @id:activation-needs-right-code
  Scenario: Nobody is twinned with a wrong code
    Given a secondary device that holds a fresh activation code
    When a primary device activates with a code that nobody was given
    Then the enabler refuses the activation because the code is not valid
    And nothing has changed
    And the primary device has no twinnings
    And the secondary device reads that its twinning is pending

  @HLF-PD-001 @id:wrong-code-in-xml
  Scenario: A device that speaks XML is refused in XML
    Given a secondary device that holds a fresh activation code
    And a primary device that speaks XML
    When the primary device activates with a code that nobody was given
    Then the enabler refuses the activation because the code is not valid
    And nothing has changed

  @HLF-PD-001 @id:names-its-own-address
  Scenario: A twinning can be found where it says that it is
    Given a primary device twinned with a secondary device
    Then the primary device reads a twinning that names its own address on the network
    And the secondary device reads a twinning that names its own address on the network

  @HLF-PD-002 @id:toggles
  Scenario: A primary device switches its twinning off and on
    Given a primary device twinned with a secondary device
    When the primary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off
    When the primary device switches the twinning on
    Then the enabler accepts the change
    And both devices read that the twinning is on

  @HLF-PD-002 @id:toggles-in-xml
  Scenario: A primary device that speaks XML switches its twinning off and on
    Given a primary device that speaks XML
    And the primary device is twinned with a secondary device
    When the primary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off
    When the primary device switches the twinning on
    Then the enabler accepts the change
    And both devices read that the twinning is on

  @HLF-PD-002 @id:switching-on-twice
  Scenario: Switching on what is on changes nothing
    Given a primary device twinned with a secondary device
    When the primary device switches the twinning on
    Then the enabler accepts the change
    And both devices read that the twinning is on
    And nothing has changed

  @HLF-PD-002 @id:unknown-status
  Scenario: A status that does not exist is refused
    Given a primary device twinned with a secondary device
    When the primary device sets the status to "Paused"
    Then the enabler refuses the change because the status is not known
    And nothing has changed

  @HLF-PD-002 @CR-N5 @id:not-back-to-pending
  Scenario: A twinning cannot be set back to pending
    Given a primary device twinned with a secondary device
    When the primary device switches the twinning pending
    Then the enabler refuses the change because this may not be changed
    And both devices read that the twinning is on
    And nothing has changed

  @HLF-PD-002 @id:stranger-cannot-toggle
  Scenario: A stranger cannot switch somebody else's twinning
    Given a primary device twinned with a secondary device
    When a stranger switches the twinning of the primary device off
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-PD-002 @id:nobody-toggles-without-credential
  Scenario: Nobody switches a twinning without a credential
    Given a primary device twinned with a secondary device
    When the primary device switches the twinning off without a credential
    Then the enabler refuses because the caller cannot be authenticated
    And nothing has changed

  @HLF-PD-003 @id:lists-secondaries
  Scenario: A primary device lists its secondary devices and their status
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    And the primary device has switched the twinning with the second secondary device off
    Then the primary device lists the secondary device as on, the second secondary device as off and nothing else

  @HLF-PD-003 @id:empty-list
  Scenario: A device without twinnings has an empty list
    Given a primary device without twinnings
    When the primary device lists its twinnings
    Then the enabler accepts the request
    And the list is empty

  @HLF-PD-003 @id:pending-codes-are-not-listed
  Scenario: Somebody else's code is in nobody's list
    Given a secondary device that holds a fresh activation code
    And a second secondary device that holds a fresh activation code
    When a primary device lists its twinnings
    Then the list is empty
    And the secondary device lists nothing but its own request

  @HLF-PD-003 @id:stranger-cannot-list
  Scenario: A stranger cannot list somebody else's twinnings
    Given a primary device twinned with a secondary device
    When a stranger asks for the list of the primary device
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-PD-003 @advice @id:devices-can-be-told-apart
  Scenario: The listed devices can be told apart
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    When the primary device lists its twinnings
    Then each device in the list has a telephone number and a name of its own

  @HLF-PD-004 @id:ends-one-of-two
  Scenario: A primary device ends one of its two twinnings for good
    Given a primary device twinned with a second secondary device
    And the primary device is also twinned with a secondary device
    And the secondary device has been given access to its twinning
    When the primary device ends the twinning with the secondary device
    Then the enabler accepts it
    And the twinning is gone on both sides
    And the primary device lists the second secondary device as on and nothing else
    And every other twinning of the primary device is as it was
    And the access that the secondary device had to its twinning has ended
    When the secondary device asks for an activation code
    Then the enabler creates a twinning

  @HLF-PD-004 @id:ends-only-once
  Scenario: A twinning that was ended cannot be ended again
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    And the primary device has ended the twinning
    When the primary device ends the twinning again
    Then the enabler refuses because the twinning has ended
    And nothing has changed

  @HLF-PD-004 @id:stranger-cannot-end
  Scenario: A stranger cannot end somebody else's twinning
    Given a primary device twinned with a secondary device
    When a stranger ends the twinning of the primary device
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-PD-004 @advice @id:ends-while-off
  Scenario: A primary device ends a twinning that is off
    Given a primary device twinned with a secondary device
    And the primary device has switched the twinning off
    When the primary device ends the twinning
    Then the enabler accepts it
    And the twinning is gone on both sides, or as it was if that was refused

  @HLF-PD-005 @id:toggles-queries-and-ends-alone
  Scenario: The primary device's own credential is enough for everything
    Given a primary device twinned with a secondary device
    When the primary device switches the twinning off
    Then the enabler accepts the change
    When the primary device reads its twinning
    Then the enabler accepts the request
    When the primary device lists its twinnings
    Then the enabler accepts the request
    And the primary device lists the secondary device as off and nothing else
    When the primary device switches the twinning on
    Then the enabler accepts the change
    When the primary device ends the twinning
    Then the enabler accepts it
    And the primary device has no twinnings

  @HLF-PD-005 @id:secondary-cannot-read-primarys-twinning
  Scenario: The secondary device cannot read the primary's side
    Given a primary device twinned with a secondary device
    When the secondary device reads the twinning of the primary device
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-PD-005 @id:secondary-cannot-toggle-primarys-twinning
  Scenario: The secondary device cannot switch on the primary's side
    Given a primary device twinned with a secondary device
    When the secondary device switches the twinning of the primary device off
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-PD-005 @id:secondary-cannot-end-primarys-twinning
  Scenario: The secondary device cannot end on the primary's side
    Given a primary device twinned with a secondary device
    When the secondary device ends the twinning of the primary device
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-PD-006 @id:several-secondaries
  Scenario: A primary device has several secondary devices at once
    Given a primary device twinned with a secondary device
    And a second secondary device that holds a fresh activation code
    And a third secondary device that holds a fresh activation code
    When the primary device activates with the code of the second secondary device
    Then the enabler creates a twinning
    When the primary device activates with the code of the third secondary device
    Then the enabler creates a twinning
    When the primary device switches the twinning with the second secondary device off
    Then the enabler accepts the change
    And the primary device lists the secondary device as on, the second secondary device as off, the third secondary device as on and nothing else
    And the secondary device reads that its twinning is on
    And the second secondary device reads that its twinning is off
    And the third secondary device reads that its twinning is on

  @HLF-PD-006 @if:twinning.max_secondaries @id:no-more-than-allowed
  Scenario: A primary device that has all the secondaries that it may have gets no further one
    Given a primary device that has as many secondary devices as the enabler allows
    And a secondary device that holds a fresh activation code
    When the primary device activates with that code
    Then the enabler refuses the activation because there are too many
    And nothing has changed
    And the secondary device reads that its twinning is pending
