Feature: Secondary device
  What an application on the secondary device can do (RD 6.1.3).

  @HLF-SD-001 @CR-N4 @id:asks-for-code
  Scenario: A secondary device asks for an activation code
    When a secondary device asks for an activation code
    Then the enabler creates a twinning
    And the answer holds an activation code
    And the answer says that the device is the secondary
    And the answer says that the twinning is pending

  @HLF-SD-001 @id:asks-for-code-in-xml
  Scenario: A secondary device that speaks XML asks for an activation code
    Given a secondary device that speaks XML
    When the secondary device asks for an activation code
    Then the enabler creates a twinning
    And the answer holds an activation code
    And the answer says that the twinning is pending

  @HLF-SD-001 @id:no-code-without-credential
  Scenario: Nobody is given a code without a credential
    Given a second secondary device that holds a fresh activation code
    When a secondary device asks for an activation code without a credential
    Then the enabler refuses the request because the caller cannot be authenticated
    And nothing has changed
    And the secondary device has no twinnings

  @HLF-SD-001 @id:no-code-without-role
  Scenario: A device has to say which part it plays
    When a secondary device asks for an activation code without saying which part it plays
    Then the enabler refuses the request because no role is given

  @HLF-SD-001 @id:no-code-for-unknown-role
  Scenario: A part that does not exist is refused
    When a secondary device asks for an activation code in the part of "Tertiary"
    Then the enabler refuses the request because the role is not known
    And nothing has changed
    And the secondary device has no twinnings

  @HLF-SD-002 @id:names-the-operator
  Scenario: A code request may name the primary's operator or not
    When a secondary device asks for an activation code
    Then the enabler accepts the request
    And the answer holds an activation code
    When a second secondary device asks for an activation code and names its own operator as the primary's
    Then the enabler accepts the request
    And the answer holds an activation code

  @HLF-SD-002 @id:names-an-unknown-operator
  Scenario: An operator that does not exist leads to a refusal or to a code of the own operator
    When a secondary device asks for an activation code
    And a second secondary device asks for an activation code and names an operator that does not exist
    Then the enabler refuses, or gives a code of its own operator

  @HLF-SD-003 @CR-N4 @id:code-and-operator
  Scenario: The answer holds the code and, apart from it, the operator that made it
    When a secondary device asks for an activation code
    Then the answer holds an activation code
    And the answer says, apart from the code, which operator made it
    When a primary device activates with that code
    Then the enabler accepts the activation
    And both devices read that the twinning is on

  @HLF-SD-004 @id:toggles
  Scenario: A twinned secondary device switches the twinning off and on
    Given a primary device twinned with a secondary device
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off
    When the secondary device switches the twinning on
    Then the enabler accepts the change
    And both devices read that the twinning is on

  @HLF-SD-004 @id:toggles-in-xml
  Scenario: A secondary device that speaks XML switches the twinning off
    Given a secondary device that speaks XML
    And a primary device twinned with the secondary device
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off

  @HLF-SD-004 @CR-N7 @id:pending-cannot-toggle
  Scenario: A secondary device that only waits cannot switch itself on
    Given a secondary device that holds a fresh activation code
    When the secondary device switches the twinning on
    Then the enabler refuses the change because the device is not twinned yet
    And nothing has changed
    And the secondary device reads that its twinning is pending

  @HLF-SD-004 @id:another-secondary-cannot-toggle
  Scenario: One secondary device cannot switch the twinning of another
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    When the second secondary device switches the twinning of the secondary device off
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-SD-004 @id:no-toggle-after-the-end
  Scenario: A secondary device cannot switch a twinning that has ended
    Given a primary device twinned with a secondary device
    And the primary device has ended the twinning
    When the secondary device switches the twinning on
    Then the enabler refuses because the twinning and the access to it have ended
    And the secondary device has no twinnings
    And the primary device has no twinnings

  @HLF-SD-006 @id:queries
  Scenario: A secondary device reads its twinning, on and off
    Given a primary device twinned with a secondary device
    Then the secondary device reads that its twinning is on
    And the secondary device names the primary device as its partner
    When the primary device switches the twinning off
    Then the secondary device reads that its twinning is off
    And the secondary device names the primary device as its partner
    And the secondary device lists the primary device as off and nothing else

  @HLF-SD-006 @CR-N1 @id:pending-names-nobody
  Scenario: A secondary device that waits names nobody
    Given a secondary device that holds a fresh activation code
    Then the secondary device names no partner yet
    And the secondary device reads that its twinning is pending

  @HLF-SD-006 @id:cannot-read-primarys-list
  Scenario: A secondary device cannot read its primary's list
    Given a primary device twinned with a secondary device
    When the secondary device asks for the list of the primary device
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-SD-006 @id:cannot-read-primarys-twinning
  Scenario: A secondary device cannot read its primary's twinning
    Given a primary device twinned with a secondary device
    When the secondary device reads the twinning of the primary device
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-SD-007 @id:ends
  Scenario: A secondary device ends its twinning for good and pairs again
    Given a primary device twinned with a second secondary device
    And the primary device is also twinned with a secondary device
    And the secondary device has been given access to its twinning
    When the secondary device ends the twinning
    Then the enabler accepts it
    And the twinning is gone on both sides
    And the primary device lists the second secondary device as on and nothing else
    And every other twinning of the primary device is as it was
    And the access that the secondary device had to its twinning has ended
    When the secondary device asks for an activation code
    And the primary device activates with the code of the secondary device
    Then the enabler accepts the activation
    And the primary device lists the secondary device as on, the second secondary device as on and nothing else

  @HLF-SD-007 @id:ends-only-once
  Scenario: A secondary device cannot end its twinning twice
    Given a primary device twinned with a secondary device
    And the secondary device has ended the twinning
    When the secondary device ends the twinning again
    Then the enabler refuses because the twinning and the access to it have ended
    And the primary device has no twinnings

  @HLF-SD-007 @id:another-secondary-cannot-end
  Scenario: One secondary device cannot end the twinning of another
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    When the second secondary device ends the twinning of the secondary device
    Then the enabler refuses because it belongs to somebody else
    And nothing has changed

  @HLF-SD-007 @id:withdraws-its-code
  Scenario: A secondary device that waits takes its request back
    Given a secondary device that holds a fresh activation code
    When the secondary device ends its twinning
    And a primary device activates with the code of the secondary device
    Then the enabler refuses the activation because the code is not valid
    And the primary device has no twinnings
