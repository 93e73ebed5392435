Feature: Information reporting
  What operators observe, devices report: at intervals, or when something happens (AD 5.3.2.4).

  @LW-IF4-01 @ETS-1.0-int-301 @id:begins
  Scenario: The operator has a value reported
    Given a device that is registered
    When the operator observes the battery level of the device
    Then the device is asked to report it
    And the operator sees the value that the device has

  @LW-IF4-02 @ETS-1.0-int-301 @id:at-intervals
  Scenario: Reports at intervals arrive
    Given a device whose battery level the operator observes
    When the device reports at intervals
    Then the operator sees each of these reports once and in order

  @LW-IF4-03 @ETS-1.0-int-301 @id:of-an-event
  Scenario: The report of an event arrives
    Given a device whose battery level the operator observes
    When the battery level of the device falls
    Then the operator sees each of these reports once and in order

  @LW-IF4-04 @id:overtaken
  Scenario: A report that was overtaken is no news
    Given a device whose battery level the operator observes
    When one report of the device overtakes another
    Then the operator sees each of these reports once and in order, but not the one that was overtaken

  @LW-IF4-04 @id:numbers-begin-anew
  Scenario: The numbers of reports may begin anew
    Given a device whose battery level the operator observes
    When the device has used up the numbers of its reports, and one report overtakes another
    Then the operator sees each of these reports once and in order, but not the one that was overtaken

  @LW-IF4-05 @id:confirmed
  Scenario: A report that asks for it is confirmed
    Given a device whose battery level the operator observes
    When the device sends the same confirmable report twice, and then another
    Then the server acknowledges it each time
    And the operator sees each of these reports once and in order

  @LW-IF4-06 @ETS-1.0-int-303 @id:ended
  Scenario: The operator ends a report
    Given a device whose battery level the operator observes
    And the operator observes its free memory too
    When the operator ends the report of the battery level
    And the device reports both all the same
    Then the device was told that the report is over
    And the operator sees the report of the free memory only

  @LW-IF4-07 @id:unknown
  Scenario: What nobody observes is rejected
    Given a device whose battery level the operator observes
    When the device reports what nobody observes, and then the battery level
    Then the server rejects the former
    And the operator sees the report of the battery level only

  @LW-IF4-08 @id:error
  Scenario: An error ends a report
    Given a device whose battery level the operator observes
    And the operator observes its free memory too
    When the device reports an error instead of the battery level
    And the device reports both all the same
    Then the server rejects the report of the battery level
    And the operator sees the report of the free memory only

  @LW-IF4-09 @ETS-1.0-int-241 @id:renewed
  Scenario: Who registers anew is observed anew
    Given a device whose battery level the operator observes
    When the device registers again
    Then the device is asked again to report it, or the operator is told that the report is over

  @LW-IF4-10 @id:who-has-left
  Scenario: Who has left reports no more
    Given a device whose battery level the operator observes
    And another device whose battery level the operator observes
    And the device has left
    When the device reports the battery level all the same, and then the other device does
    Then the operator sees the report of the other device only
