@role:dm-client
Feature: What a notification asks for beside a session, as a client takes it
  Until when it counts, why a session is wanted, and how it is to begin (RD DM 1.3, 6.2).

  @DM-HLF-006 @id:in-time
  Scenario: A notification counts until it expires
    Given a client that has had a session
    When a notification that counts for another hour is pushed to the client
    Then the client begins the session that was announced in time

  @DM-HLF-006 @id:too-late
  Scenario: A notification that has expired is ignored
    Given a client that has had a session
    When a notification that counted until an hour ago is pushed to the client, and then a good one
    Then the client begins the session of the one that counts only

  @DM-HLF-006 @id:too-late-to-tell
  Scenario: A notification that has expired is nothing that a user is told of
    Given a client that has had a session
    When a notification that counted until an hour ago wants to tell the user something, and then a good one is pushed to the client
    Then the client begins the session of the one that counts only
    And the user is shown nothing of what came too late

  @DM-HLF-007 @id:reason
  Scenario: A notification says why a session is wanted
    Given a client that has had a session
    When a notification with a reason is pushed to the client
    Then the client begins the session whose reason was told

  @DM-HLF-007 @id:long-reason
  Scenario: A reason may be long
    Given a client that has had a session
    When a notification with a reason as long as it can be is pushed to the client
    Then the client begins the session whose reason was told

  @DM-HLF-008 @id:told-first
  Scenario: The user learns why before the session begins
    Given a client that has had a session
    When a notification with a reason asks for the user's consent
    And the user consents
    Then the user was shown the reason before the session began

  @DM-HLF-008 @id:refused
  Scenario: A session that the user refuses does not begin
    Given a client that has had a session
    When a notification with a reason asks for the user's consent
    And the user refuses, and then a notification that asks nobody is pushed to the client
    Then the client begins the session of the later one only

  @DM-HLF-014 @id:authentication
  Scenario: A notification says how the client is to show who it is
    Given a client that has had a session
    And the server wants to read a value that is there
    When a notification that wants the strongest authentication is pushed to the client
    Then the client shows who it is by that from its first message on

  @DM-HLF-014 @id:downgrade
  Scenario: No notification makes a client show who it is more weakly
    Given a client that has had a session
    When a notification that wants the weakest authentication is pushed to the client
    Then the client shows who it is by no less than its account demands

  @DM-HLF-015 @id:detail
  Scenario: A notification says which details of the device are wanted
    Given a client that has had a session
    When a notification that wants a detail of the device is pushed to the client
    Then the first message has that detail as reading it gives it

  @DM-HLF-015 @id:secret
  Scenario: What a server may not read it is not told by asking in a notification
    Given a client that has had a session
    When a notification that wants what the server may not read is pushed to the client
    Then no message of the client has it
