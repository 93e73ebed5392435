Feature: Common requirements
  What holds for the whole interface (RD 6.1.1).

  @HLF-CM-001 @id:whole-life-by-plain-http
  Scenario: A twinning is set up, used and ended with plain HTTP
    Given a primary device twinned with a secondary device
    When the primary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off
    When the secondary device switches the twinning on
    Then the enabler accepts the change
    When the primary device lists its twinnings
    Then the enabler accepts the request
    When the primary device ends the twinning
    Then the enabler accepts the request
    And the twinning is gone on both sides
    And all of it went by plain HTTP operations, each answered

  @HLF-CM-001 @id:unreadable-json-refused
  Scenario: A request that is no JSON is refused and leaves nothing behind
    Given a secondary device without twinnings
    When the secondary device asks for a code in a request that is no JSON
    Then the enabler refuses because the request cannot be read
    And the secondary device has no twinnings

  @HLF-CM-001 @id:unreadable-xml-refused
  Scenario: A request that is no XML is refused and leaves nothing behind
    Given a secondary device without twinnings
    When the secondary device asks for a code in a request that is no XML
    Then the enabler refuses because the request cannot be read
    And the secondary device has no twinnings

  @HLF-CM-001 @id:undefined-operations-refused
  Scenario: What a resource does not offer is refused by naming what it does
    Given a primary device twinned with a secondary device
    When the primary device tries what its resources do not offer
    Then each is refused by naming what there is instead
    And nothing has changed

  @HLF-CM-002 @inspect @id:addresses-name-things
  Scenario: Addresses and names say what they stand for
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    When the primary device lists its twinnings
    Then the primary device reads that its twinning is on
    And the secondary device reads that its twinning is on
    And every address names things and not deeds
    And every resource keeps its address

  @HLF-CM-003 @id:version-in-addresses
  Scenario: Every address has the version of the interface
    Given a primary device twinned with a secondary device
    When the primary device lists its twinnings
    Then the enabler accepts the request
    And the primary device reads that its twinning is on
    And every address says which version of the interface it belongs to

  @HLF-CM-003 @id:unknown-version
  Scenario: A version that does not exist does not act as the one that does
    Given a secondary device without twinnings
    When the secondary device asks for a code in a version of the interface that does not exist
    Then the enabler does not act as if it knew that version
    And the secondary device has no twinnings

  @HLF-CM-004 @inspect @id:terms-of-users
  Scenario: The interface speaks of users and devices
    Given a primary device twinned with a secondary device
    When the primary device lists its twinnings
    Then the primary device reads that its twinning is on
    And the secondary device reads that its twinning is on
    And devices and users are known by their addresses only
    And nothing of the network below shows

  @HLF-CM-005 @id:client-that-can-be-called
  Scenario: An application on a server uses the interface
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    And the primary device is told that the twinning is off
    When the primary device switches the twinning on
    And the primary device ends the twinning
    Then the enabler accepts the request

  @HLF-CM-005 @id:unreachable-application
  Scenario: An application that cannot be reached does not stop a change
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes where nobody listens
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off

  @HLF-CM-006 @id:proper-credentials-open
  Scenario: The proper credential opens every operation
    Given a primary device twinned with a secondary device
    When the primary device lists its twinnings
    Then the enabler accepts the request
    When the primary device reads its twinning
    Then the enabler accepts the request
    When the primary device switches the twinning off
    Then the enabler accepts the change
    When the secondary device switches the twinning on
    Then the enabler accepts the change
    When the secondary device ends the twinning
    Then the enabler accepts the request

  @HLF-CM-006 @id:no-credential
  Scenario: Without a credential nothing is open
    Given a primary device twinned with a secondary device
    When the primary device tries every operation with no credential
    Then each is refused since no credential opens nothing
    And the caller is told how to authenticate
    And nothing has changed

  @HLF-CM-006 @id:invented-credential
  Scenario: An invented credential opens nothing
    Given a primary device twinned with a secondary device
    When the primary device tries every operation with an invented credential
    Then each is refused since an invented credential opens nothing
    And nothing has changed

  @HLF-CM-006 @id:expired-credential
  Scenario: An expired credential opens nothing
    Given a primary device twinned with a secondary device
    When the primary device tries every operation with an expired credential
    Then each is refused since an expired credential opens nothing
    And nothing has changed

  @HLF-CM-006 @OAU-002 @id:credential-for-something-else
  Scenario: A credential for something else opens nothing here
    Given a primary device twinned with a secondary device
    When the primary device tries every operation with a credential for something else
    Then each is refused since a credential for something else opens nothing
    And nothing has changed

  @HLF-CM-006 @id:stranger-kept-out
  Scenario: A stranger has no business with another's twinnings
    Given a primary device twinned with a secondary device
    When a stranger tries every operation on what belongs to the primary device
    Then each is refused because the stranger has no business there
    And nothing has changed
    When the primary device switches the twinning off
    Then the enabler accepts the change

  @HLF-CM-006 @id:stranger-not-told
  Scenario: A stranger cannot ask to be told of another's changes
    Given a primary device twinned with a secondary device
    When a stranger asks to be told of the changes of the primary device
    Then the enabler refuses because it belongs to somebody else
    When the primary device switches the twinning off
    Then the enabler accepts the change
    And a stranger is told nothing

  @HLF-CM-006 @id:stranger-cannot-withdraw
  Scenario: A stranger cannot withdraw another's wish to be told
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    When a stranger withdraws the wish of the primary device
    Then the enabler refuses because it belongs to somebody else
    When the secondary device switches the twinning off
    Then the primary device is told that the twinning is off

  @HLF-CM-005 @if:twinning.notification_channel @id:client-with-channel
  Scenario: An application on a device uses the interface
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes through a notification channel
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    And the primary device is told that the twinning is off
    When the primary device switches the twinning on
    And the primary device ends the twinning
    Then the enabler accepts the request

  @HLF-CM-005 @if:twinning.notification_channel @id:unknown-channel-refused
  Scenario: A notification channel of an unknown kind is refused
    Given a primary device twinned with a secondary device
    When the primary device asks for a notification channel of a kind that does not exist
    Then the enabler refuses because this is not offered

  @HLF-CM-005 @inspect @if:twinning.websocket_channel @id:client-with-websocket
  Scenario: An application on a device may be told over a web socket
    # What comes over it is for a person to see: this tester opens the channel and does not enter it.
    Given a primary device twinned with a secondary device
    When the primary device asks for a notification channel over a web socket
    Then the enabler accepts the request
