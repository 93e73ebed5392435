Feature: Twinning enabler
  What the enabler itself guarantees (RD 6.1.4).

  @HLF-TE-001 @exclusive @id:survives-restart
  Scenario: Twinnings survive a restart of the enabler
    Given a primary device twinned with a secondary device under the name "watch"
    And the primary device is also twinned with a second secondary device under the name "car"
    When the enabler is restarted after everything was read
    Then nothing has changed
    And the primary device lists the secondary device as on, the second secondary device as on and nothing else
    And the secondary device names the primary device as its partner

  @HLF-TE-002 @exclusive @id:primarys-off-survives-restart
  Scenario: What the primary device switched off stays off over a restart
    Given a primary device twinned with a secondary device
    And the primary device has switched the twinning off
    When the enabler is restarted
    Then both devices read that the twinning is off

  @HLF-TE-002 @exclusive @id:secondarys-off-survives-restart
  Scenario: What the secondary device switched off stays off over a restart
    Given a primary device twinned with a secondary device
    And the secondary device has switched the twinning off
    When the enabler is restarted
    Then both devices read that the twinning is off

  @HLF-TE-001 @exclusive @id:works-after-restart
  Scenario: After a restart the two sides still belong together
    Given a primary device twinned with a secondary device
    When the enabler is restarted
    And the primary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off

  @HLF-TE-003 @id:off-keeps-the-twinning
  Scenario: Switching off does not end the twinning
    Given a primary device twinned with a secondary device
    When the primary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off
    And the primary device names the secondary device as its partner
    And the secondary device names the primary device as its partner
    And the primary device lists the secondary device as off and nothing else
    When the secondary device switches the twinning on
    Then the enabler accepts the change
    And both devices read that the twinning is on

  @HLF-TE-003 @id:many-toggles-keep-the-twinning
  Scenario: However often it is switched, the twinning stays
    Given a primary device twinned with a secondary device
    And the secondary device has switched the twinning off
    And the primary device has switched the twinning off
    And the primary device has switched the twinning on
    And the secondary device has switched the twinning off
    And the secondary device has switched the twinning on
    And the primary device has switched the twinning off
    Then both devices read that the twinning is off
    And the primary device lists the secondary device as off and nothing else
    When the primary device switches the twinning on
    Then both devices read that the twinning is on

  @HLF-TE-004 @id:end-by-primary
  Scenario: When the primary device ends the twinning, it is over for both
    Given a primary device twinned with a secondary device
    When the primary device ends the twinning
    Then the enabler accepts it
    And the twinning is gone on both sides
    When the primary device switches the twinning on
    Then the enabler refuses because the twinning has ended
    And the primary device has no twinnings
    And the secondary device has no twinnings

  @HLF-TE-004 @id:end-by-secondary
  Scenario: When the secondary device ends the twinning, it is over for both
    Given a primary device twinned with a secondary device
    When the secondary device ends the twinning
    Then the enabler accepts it
    And the twinning is gone on both sides
    When the primary device switches the twinning on
    Then the enabler refuses because the twinning has ended
    And the primary device has no twinnings
    And the secondary device has no twinnings

  @HLF-TE-004 @exclusive @id:end-survives-restart
  Scenario: What has ended stays ended over a restart
    Given a primary device twinned with a secondary device
    And the primary device has ended the twinning
    When the enabler is restarted
    Then the twinning is gone on both sides
    And the primary device has no twinnings
    And the secondary device has no twinnings

  @HLF-TE-004 @id:end-takes-the-access
  Scenario: The secondary device's access ends with the twinning
    Given a primary device twinned with a secondary device
    And the secondary device has been given access to its twinning
    When the primary device ends the twinning
    Then the access that the secondary device had to its twinning has ended

  @HLF-TE-004 @id:end-takes-the-access-to-the-network
  Scenario: Access to the primary's network cannot be renewed once the twinning has ended
    Given a primary device twinned with a secondary device
    And the secondary device has redeemed its authorization code
    When the primary device ends the twinning
    Then the enabler accepts it
    When the secondary device renews the access to the primary's network
    Then the authorization server gives no token since the code is worth nothing

  @HLF-TE-004 @advice @id:end-leaves-other-access
  Scenario: The primary device keeps its access to its other twinnings
    Given a primary device twinned with a second secondary device
    And the primary device is also twinned with a secondary device
    When the primary device ends the twinning with the secondary device
    And the primary device switches the twinning with the second secondary device off
    Then the enabler accepts the change
    And the second secondary device reads that its twinning is off

  @HLF-TE-005 @id:code-works-once
  Scenario: An activation code works once
    Given a secondary device that holds a fresh activation code
    And a primary device that has activated with that code
    When a second primary device activates with the same code
    Then the enabler refuses the activation because the code is not valid
    And the second primary device has no twinnings
    And the first twinning is unchanged

  @HLF-TE-005 @id:code-works-once-for-the-same-device
  Scenario: An activation code works once even for the same device
    Given a secondary device that holds a fresh activation code
    And a primary device that has activated with that code
    When the primary device activates with the same code
    Then the enabler refuses the activation because the code is not valid
    And the first twinning is unchanged
    And the primary device has one twinning

  @HLF-TE-005 @id:used-code-stays-dead
  Scenario: A used code does not come back to life when its twinning ends
    Given a secondary device that holds a fresh activation code
    And a primary device that has activated with that code
    And the primary device has ended the twinning
    When a second primary device activates with the same code
    Then the enabler refuses the activation because the code is not valid
    And the second primary device has no twinnings
    And the secondary device has no twinnings

  @HLF-TE-005 @id:code-works-once-in-a-race
  Scenario: Of two devices that use a code at the same time one succeeds
    Given a secondary device that holds a fresh activation code
    When a primary device and a second primary device activate with that code at the same time
    Then exactly one of them succeeds, and the other is refused because the code is not valid
    And the secondary device has one twinning

  @HLF-TE-005 @advice @exclusive @id:code-lives-its-time
  Scenario: A code works until its time is over
    Given a secondary device that holds a fresh activation code
    And almost the whole lifetime of the code has passed
    When a primary device activates with that code
    Then the enabler accepts the activation
    And the primary device lists the secondary device as on and nothing else

  @HLF-TE-005 @exclusive @id:code-expires
  Scenario: A code does not work when its time is over
    Given a secondary device that holds a fresh activation code
    And the lifetime of the code has passed
    When a primary device activates with that code
    Then the enabler refuses the activation because the code is not valid
    And the primary device has no twinnings
    And nothing has changed

  @HLF-TE-007 @id:keeps-the-given-name
  Scenario: The twinning has the name that the user gave it
    Given a secondary device that holds a fresh activation code
    When a primary device activates with that code under the name "Zoë's Uhr ⌚ 手表"
    Then the enabler gives the twinning the name "Zoë's Uhr ⌚ 手表", or refuses the name openly

  @HLF-TE-007 @id:keeps-the-given-name-in-xml
  Scenario: A name with special characters survives XML
    Given a primary device that speaks XML
    And a secondary device that holds a fresh activation code
    When the primary device activates with that code under the name "Tom & Jerry's <watch>"
    Then the enabler gives the twinning the name "Tom & Jerry's <watch>", or refuses the name openly

  @HLF-TE-007 @id:makes-a-name
  Scenario: Without a name the enabler makes one
    Given a secondary device that holds a fresh activation code
    When a primary device activates with that code
    Then the enabler accepts the activation
    And the primary device reads a name

  @HLF-TE-007 @advice @id:names-differ
  Scenario: Two names that the enabler makes are different
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    When the primary device lists its twinnings
    Then each device in the list has a telephone number and a name of its own

  @HLF-TE-007 @advice @id:name-taken
  Scenario: A name that is taken is refused or changed
    Given a primary device twinned with a secondary device under the name "watch"
    And a second secondary device that holds a fresh activation code
    When the primary device activates with that code under the name "watch"
    Then the enabler accepts or refuses it properly
    When the primary device lists its twinnings
    Then each device in the list has a telephone number and a name of its own

  @HLF-TE-007 @advice @id:name-too-long
  Scenario: A very long name is kept, shortened or refused
    Given a secondary device that holds a fresh activation code
    When a primary device activates with that code under a name of 5000 letters
    Then the enabler accepts or refuses it properly

  @HLF-TE-008 @id:secondary-cannot-become-primary
  Scenario: A secondary device cannot become a primary
    Given a primary device twinned with a secondary device
    And a second secondary device that holds a fresh activation code
    When the secondary device activates with the code of the second secondary device
    Then the enabler refuses the activation because a device cannot be primary and secondary at once
    And nothing has changed
    And the second secondary device reads that its twinning is pending

  @HLF-TE-008 @advice @id:code-survives-a-refused-device
  Scenario: A code that the wrong device tried still works for the right one
    Given a primary device twinned with a secondary device
    And a second secondary device that holds a fresh activation code
    When the secondary device activates with the code of the second secondary device
    And a second primary device activates with the code of the second secondary device
    Then the enabler accepts the activation
    And the second secondary device reads that its twinning is on

  @HLF-TE-008 @id:primary-cannot-become-secondary
  Scenario: A primary device cannot become a secondary
    Given a primary device twinned with a secondary device
    When the primary device asks for an activation code
    And a second primary device tries whatever code the primary device was given
    Then the second primary device has no twinnings
    And every twinning is as it was

  @HLF-TE-008 @advice @id:primary-is-given-no-code
  Scenario: A primary device is not even given a code
    Given a primary device twinned with a secondary device
    When the primary device asks for an activation code
    Then the enabler refuses the request because a device cannot be primary and secondary at once
    And nothing has changed

  @HLF-TE-008 @id:code-from-before-the-first-twinning
  Scenario: A code that a device asked for before it became a primary is worth nothing
    Given a primary device that holds a fresh activation code
    And the primary device is also twinned with a secondary device
    When a second primary device activates with the code of the primary device
    Then the enabler refuses the activation because a primary cannot become a secondary
    And the second primary device has no twinnings
    And every twinning is as it was

  @HLF-TE-008 @id:no-twinning-with-itself
  Scenario: A device cannot be twinned with itself
    Given a secondary device that holds a fresh activation code
    When the secondary device activates with that code
    Then the enabler refuses the activation because a device cannot be its own partner
    And nothing has changed
    And the secondary device reads that its twinning is pending

  @HLF-TE-008 @id:free-for-the-other-part
  Scenario: When its last twinning has ended, a primary device may become a secondary
    Given a primary device twinned with a secondary device
    And the primary device has ended the twinning
    When the primary device asks for an activation code
    Then the answer holds an activation code
    When a second primary device activates with the code of the primary device
    Then the enabler accepts the activation
    And the primary device reads that its twinning is on
    And the primary device names the second primary device as its partner

  @HLF-TE-009 @id:no-second-twinning
  Scenario: A twinned secondary device gets no second twinning
    Given a primary device twinned with a secondary device
    When the secondary device asks for an activation code
    And a second primary device tries whatever code the secondary device was given
    Then the second primary device has no twinnings
    And every twinning is as it was

  @HLF-TE-009 @advice @id:twinned-secondary-is-given-no-code
  Scenario: A twinned secondary device is not even given a code
    Given a primary device twinned with a secondary device
    When the secondary device asks for an activation code
    Then the enabler refuses the request because the device is already twinned
    And nothing has changed

  @HLF-TE-009 @id:earlier-code-is-worth-nothing
  Scenario: An earlier code of a twinned secondary device is worth nothing
    Given a secondary device that holds an earlier and a newer activation code
    And a primary device that has activated with that code
    When a second primary device activates with the earlier code of the secondary device
    Then the enabler refuses the activation because the code is not valid
    And the second primary device has no twinnings
    And every twinning is as it was

  @HLF-TE-009 @id:race-of-two-primaries
  Scenario: Two primaries race for one secondary device, and at most one gets it
    Given a secondary device that holds an earlier and a newer activation code
    When a primary device uses the earlier code and a second primary device the newer one at the same time
    Then exactly one of them succeeds, and the other is refused because the code is not valid
    And the secondary device has at most one twinning that is not pending

  @HLF-TE-009 @id:free-for-another-primary
  Scenario: After the end a secondary device may be twinned with another primary
    Given a primary device twinned with a secondary device
    And the primary device has ended the twinning
    And the secondary device holds a fresh activation code
    When a second primary device activates with that code
    Then the enabler accepts the activation
    And the second primary device lists the secondary device as on and nothing else
    And the primary device has no twinnings
