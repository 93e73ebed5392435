Feature: Authorization
  Tokens, what they open, and how a device comes by them (RD 6.1.3 and 6.1.6.2, CR authCode).

  @HLF-SD-005 @id:secondary-uses-its-token
  Scenario: A secondary obtains access to its twinning and uses it
    Given a primary device twinned with a secondary device
    And the secondary device has obtained the token for its twinning
    When the secondary device uses its twinning with the token that it was given
    Then the token opens it
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    When the secondary device switches the twinning on
    And the secondary device deletes its twinning with the token that it was given
    Then the token opens it

  @HLF-SD-005 @id:no-token-before-activation
  Scenario: Before activation there is no access to be had
    Given a secondary device that holds a fresh activation code
    When the secondary device asks the authorization server for the token for its twinning
    Then the secondary device has no token that switches its pending twinning
    And the secondary device reads that its twinning is pending

  @HLF-SD-005 @id:invented-token
  Scenario: An invented token opens no twinning
    Given a primary device twinned with a secondary device
    When the secondary device uses its twinning with an invented credential
    Then the enabler refuses because the caller cannot be authenticated

  @HLF-SD-009 @id:secondary-uses-primarys-network
  Scenario: A secondary uses the network of its primary
    Given a primary device twinned with a secondary device
    When the secondary device redeems its authorization code
    Then the authorization server gives a token
    When the secondary device uses the network of the primary device
    Then the token opens it

  @HLF-SD-009 @CR-N10 @id:authorization-code-works-once
  Scenario: An authorization code can be redeemed once
    Given a primary device twinned with a secondary device
    When the secondary device redeems its authorization code
    Then the authorization server gives a token
    When the secondary device redeems its authorization code again
    Then the authorization server gives no token since the code is worth nothing

  @HLF-SD-009 @advice @id:second-use-revokes
  Scenario: A second use of an authorization code takes back what the first one gave
    Given a primary device twinned with a secondary device
    And the secondary device has seen its authorization code
    When the secondary device redeems its authorization code
    Then the authorization server gives a token
    When the secondary device uses the network of the primary device
    Then the token opens it
    When the secondary device redeems its authorization code again
    Then the authorization server gives no token since the code is worth nothing
    When the secondary device uses the network of the primary device
    Then the token does not open it

  @HLF-SD-009 @id:code-of-another-application
  Scenario: Another application cannot redeem the authorization code
    Given a primary device twinned with a secondary device
    And a second primary device twinned with a second secondary device
    And the secondary device has seen its authorization code
    When the second secondary device redeems its authorization code
    Then the authorization server gives no token since the code is worth nothing

  @HLF-SD-009 @id:access-to-network-ends
  Scenario: Access to the primary's network ends with the twinning
    Given a primary device twinned with a secondary device
    And the secondary device has redeemed its authorization code
    And the primary device has ended the twinning
    When the secondary device uses the network of the primary device
    Then the token does not open it
    When the secondary device renews the access to the primary's network
    Then the authorization server gives no token since the code is worth nothing

  @HLF-SD-009 @id:network-of-another-primary
  Scenario: A secondary cannot use the network of somebody else's primary
    Given a primary device twinned with a secondary device
    And a second primary device twinned with a second secondary device
    And the secondary device has redeemed its authorization code
    When the secondary device uses the network of the primary device
    Then the token opens it
    When the secondary device uses the network of the second primary device
    Then the token opens nothing there

  @CR-N10 @id:each-twinning-its-own-code
  Scenario: Each twinning has an authorization code of its own
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    And the secondary device has seen its authorization code
    And the second secondary device has seen its authorization code
    And the primary device has ended the twinning
    And the primary device twinned with the second secondary device
    When the second secondary device sees its authorization code
    Then all authorization codes are different

  @CR-N10 @id:code-of-ended-twinning
  Scenario: The authorization code of a twinning that has ended is worth nothing
    Given a primary device twinned with a secondary device
    And the secondary device has seen its authorization code
    And the primary device has ended the twinning
    When the secondary device redeems its authorization code
    Then the authorization server gives no token since the code is worth nothing

  @CR-N10 @id:code-is-not-the-clients
  Scenario: An authorization code that the secondary brings along is not kept
    Given a secondary device without twinnings
    When the secondary device asks for an activation code and brings an authorization code
    Then the enabler accepts or refuses it properly
    And that authorization code is shown nowhere in the twinning of the secondary device

  @OAU-001 @if:twinning.authorization.secondary_token=client_credentials @id:bearer-tokens
  Scenario: Tokens of the authorization server are accepted until they are revoked
    Given a primary device twinned with a secondary device
    And the secondary device has obtained the token for its twinning
    When the secondary device uses its twinning with the token that it was given
    Then the token opens it
    When the secondary device has the authorization server revoke that token
    And the secondary device uses its twinning with the token that it was given
    Then the token does not open it

  @OAU-001 @id:expired-token
  Scenario: An expired token is not accepted
    Given a primary device twinned with a secondary device
    When the primary device uses its twinning with an expired credential
    Then the enabler refuses because the caller cannot be authenticated

  @OAU-001 @id:user-of-the-token
  Scenario: A device may speak of itself as the user of its token
    Given a primary device twinned with a secondary device
    When the primary device reads its list as the user of its own credential
    Then the token opens it

  @OAU-002 @if:twinning.authorization.secondary_token=client_credentials @id:scope-for-everything
  Scenario: The scope for twinning opens every operation
    Given a primary device twinned with a secondary device
    When the secondary device asks the authorization server for the right to everything in twinning
    Then the authorization server gives a token
    When the secondary device uses its twinning with the token that it was given
    Then the token opens it
    When the secondary device deletes its twinning with the token that it was given
    Then the token opens it

  @OAU-002 @advice @if:twinning.authorization.secondary_token=client_credentials @id:scope-for-reading
  Scenario: A token for reading only reads
    Given a primary device twinned with a secondary device
    And the secondary device has asked the authorization server for the right to read only
    When the secondary device uses its twinning with the token that it was given
    Then the token opens it
    When the secondary device deletes its twinning with the token that it was given
    Then the token does not open it
    And both devices read that the twinning is on

  @OAU-002 @advice @if:twinning.authorization.secondary_token=client_credentials @id:scope-for-switching
  Scenario: A token for switching only switches
    Given a primary device twinned with a secondary device
    When the secondary device asks the authorization server for the right to toggle only
    Then the authorization server gives a token
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    When the secondary device deletes its twinning with the token that it was given
    Then the token does not open it
    And the primary device reads that its twinning is off

  @OAU-002 @advice @if:twinning.authorization.secondary_token=client_credentials @id:scope-for-ending
  Scenario: A token for ending only ends
    Given a primary device twinned with a secondary device
    When the secondary device asks the authorization server for the right to deactivate only
    Then the authorization server gives a token
    When the secondary device switches the twinning off
    Then the token does not open it
    And the primary device reads that its twinning is on
    When the secondary device deletes its twinning with the token that it was given
    Then the token opens it
    And the primary device has no twinnings

  @OAU-002 @advice @if:twinning.authorization.secondary_token=client_credentials @id:scope-for-news
  Scenario: A token for news only gives news
    Given a primary device twinned with a secondary device
    When the secondary device asks the authorization server for the right to subscription only
    Then the authorization server gives a token
    When the secondary device lists its wishes to be told with the token that it was given
    Then the token opens it
    When the secondary device switches the twinning off
    Then the token does not open it
    And the primary device reads that its twinning is on

  @OAU-002 @advice @if:twinning.authorization.secondary_token=client_credentials @id:unknown-scope
  Scenario: A scope that does not exist is not given
    Given a primary device twinned with a secondary device
    When the secondary device asks the authorization server for the right to everythingelse only
    Then the authorization server gives no token since it knows no such right
