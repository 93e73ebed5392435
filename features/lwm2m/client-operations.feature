@role:lwm2m-client
Feature: What a client makes of its servers' operations
  The client's side of the interfaces: registration, management, reports (AD 5.3.2.2, 5.3.2.3, 5.3.2.4).

  @LW-IF2-11 @id:forgotten @ETS-1.0-int-105
  Scenario: A client that was forgotten registers again
    Given a client that is registered
    When its server has forgotten the client, and has it update its registration
    Then the client, whose update was refused, registers again

  @LW-IF2-11 @id:forbidden
  Scenario: A client that is refused does not press
    When the client is started, and its server forbids the registration
    Then the client does not press its server

  @LW-IF2-11 @id:put-off
  Scenario: A client that is put off does not press
    When the client is started, and its server puts off the registration
    Then the client waits as long as its server asks

  @LW-IF2-11 @id:silence
  Scenario: A client that nobody answers becomes ever quieter
    When the client is started, and its server is silent
    Then the client waits longer each time

  @LW-IF2-11 @id:given-up @time-passes @slow:145s
  Scenario: A client that nobody answers gives up
    When the client is started, and its server is silent for as long as a message may be repeated
    Then the client gives up what it has repeated often enough

  @LW-IF3-15 @id:not-executable
  Scenario: What is to be read is not executed
    Given a client that is registered
    When its server executes what can only be read
    Then the client refuses it as nothing that can be done there
    And its server can read the client

  @LW-IF3-15 @id:unknown-format
  Scenario: What is written in a format that the client does not know is refused
    Given a client that is registered
    When its server writes in a format that nobody knows
    Then the client refuses it because of the format
    And the life time is what it was

  @LW-IF3-15 @id:unanswerable-format
  Scenario: What cannot be answered as asked for is refused
    Given a client that is registered
    When its server reads in a format that nobody knows
    Then the client refuses it because it has no such format
    And its server can read the client

  @LW-IF3-15 @id:bad-value
  Scenario: A value that is none is refused
    Given a client that is registered
    When its server writes a life time that is no number
    Then the client refuses it as a bad request
    And the life time is what it was

  @LW-IF3-16 @id:whole-or-not-at-all
  Scenario: A write with one bad value changes nothing
    Given a client that is registered
    When its server writes several values, of which one is none
    Then the client refuses it as a bad request
    And nothing of that was written

  @LW-IF4-11 @id:observed @ETS-1.0-int-301
  Scenario: A client can be observed
    Given a client that is registered
    When its server observes how the device can be reached
    Then the client takes its server for an observer

  @LW-IF4-11 @if:lwm2m.client.attributes=true @id:intervals @ETS-1.0-int-301
  Scenario: A client reports in the intervals that were asked for
    Given a client that is registered
    When its server observes the client, and wants reports every other second
    Then the client reports in that time

  @LW-IF4-13 @id:cancelled @ETS-1.0-int-303
  Scenario: A client that is asked to report no more does so
    Given a client that is registered
    And its server observes the client, which reports every other second
    When its server ends the observation with a request
    Then the client reports no more

  @LW-IF4-13 @id:rejected @ETS-1.0-int-302
  Scenario: A client whose report is rejected sends no more
    Given a client that is registered
    And its server observes the client, which reports every other second
    When its server ends the observation by rejecting a report
    Then the client reports no more

  @LW-IF4-11 @if:lwm2m.client.attributes=true @id:not-too-soon @if:lwm2m.client.number
  Scenario: A client waits with a report as long as was asked for
    Given a client that is registered
    When its server observes a number that changes all the time, and wants reports every three seconds at most
    Then the client reports in that time

  @LW-IF4-12 @if:lwm2m.client.attributes=true @id:thresholds @if:lwm2m.client.number
  Scenario: A client reports the changes that were asked for
    Given a client that is registered
    And its server wants to know when a number passes 20 or 45, or moves by 10
    When that number changes again and again
    Then the client reports what passes a limit or moves far enough, and nothing else

  @LW-IF4-14 @id:kept @if:lwm2m.client.number @if:lwm2m.client.goes_offline=true
  Scenario: A client that is to keep its reports sends them later
    Given a client that is registered
    And its server wants reports of a number, which are to be kept where nothing can be sent
    When that number changes three times while the client is off its network
    Then the client reports all of the changes once it is back

  @LW-IF4-14 @id:dropped @if:lwm2m.client.number @if:lwm2m.client.goes_offline=true
  Scenario: A client that is not to keep its reports drops them
    Given a client that is registered
    And its server wants reports of a number, which are to be dropped where nothing can be sent
    When that number changes three times while the client is off its network
    Then the client reports nothing of what has passed
