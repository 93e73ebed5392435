@role:dm-client
Feature: What brings notifications to a client
  WAP push in datagrams (DM Notification 1.2) and SIP (RD DM 1.3, 6.2), beside HTTP push.

  @DM-CLI-18 @if:dm.client.wsp @id:wsp
  Scenario: A notification can come by WAP push
    Given notifications that come by WAP push
    And a client that has had a session
    When a notification is pushed to the client
    Then the client begins the session that was announced

  @DM-CLI-18 @if:dm.client.wsp @id:wsp-for-another
  Scenario: A WAP push for another application is not for the client
    Given notifications that come by WAP push
    And a client that has had a session
    When a notification for another application is brought to the client, and then a good one
    Then the client begins the session of the later one only

  @DM-HLF-003 @if:dm.client.sip @id:sip
  Scenario: A notification can come by SIP
    Given notifications that come by SIP
    And a client that has had a session
    When a notification is pushed to the client
    Then the client begins the session that was announced

  @DM-HLF-003 @if:dm.client.sip @id:sip-forged
  Scenario: A forged notification by SIP is ignored
    Given notifications that come by SIP
    And a client that has had a session
    When a forged notification is pushed to the client, and then a good one
    Then the client begins the session of the good one only

  @DM-HLF-003 @if:dm.client.sip @id:sip-for-another
  Scenario: A push by SIP for another application is not for the client
    Given notifications that come by SIP
    And a client that has had a session
    When a notification for another application is brought to the client, and then a good one
    Then the client begins the session of the later one only

  @DM-HLF-003 @if:dm.client.sip @if:dm.client.wsp @id:sip-and-wsp
  Scenario: A notification that comes in two ways is good for one session
    Given a client that has had a session
    When a notification is brought to the client by SIP and by WAP push, and then another one
    Then the client begins the first session once, by its number
