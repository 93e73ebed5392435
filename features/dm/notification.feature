@role:dm-client
Feature: Notifications, as a client takes them
  What wakes a client (DM Notification 1.2), brought by HTTP Push (RD DM 1.3, 6.2).

  @DM-HLF-016 @id:http-push
  Scenario: A notification can come by HTTP push
    Given a client that has had a session
    When a notification is pushed to the client
    Then the client begins the session that was announced

  @DM-CLI-13 @id:once
  Scenario: A notification that comes twice is good for one session
    Given a client that has had a session
    When a notification is pushed to the client twice, and then another one
    Then the client begins the first session once, by its number

  @DM-CLI-13 @id:forged
  Scenario: A forged notification is ignored
    Given a client that has had a session
    When a forged notification is pushed to the client, and then a good one
    Then the client begins the session of the good one only

  @DM-CLI-48 @id:resynchronised
  Scenario: A client and a server that has forgotten the nonce find one again
    Given a client that has had a session
    And a server that has forgotten every nonce of the client
    When a notification is pushed to the client
    Then the client comes with the nonce that both are sure to share, if it knows it

  @DM-CLI-13 @id:out-of-date @if:dm.client.account.scheme=md5
  Scenario: A notification by a digest that is out of date is ignored
    Given a client that has had a session
    When a notification of before its last session is pushed to the client, and then a good one
    Then the client begins the session of the good one only
