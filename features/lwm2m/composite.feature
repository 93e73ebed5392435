Feature: Several places at once
  What LwM2M 1.1 adds to management and to reporting (AD 5.3.2.3, 5.3.2.4).

  @LW-IF3-17 @since:1.1 @ETS-1.1-int-229 @id:read
  Scenario: The operator reads several places at once
    Given a device that is registered
    When the operator reads the serial number and the battery level of the device at once
    Then the device is asked once for both
    And the operator sees both values that the device has

  @LW-IF3-17 @since:1.1 @id:write
  Scenario: The operator writes several places at once
    Given a device that is registered
    When the operator writes to two objects of the device at once
    Then the device is asked once to write both
    And the operator is told that it is done

  @LW-IF4-16 @since:1.1 @ETS-1.1-int-304 @id:observe
  Scenario: The operator has several places reported at once
    Given a device that is registered
    When the operator observes the serial number and the battery level of the device at once
    Then the device is asked once to report both
    And the operator sees both values that the device has

  @LW-IF4-16 @since:1.1 @ETS-1.1-int-304 @id:reported
  Scenario: The report of several places arrives
    Given a device of which the operator observes the serial number and the battery level at once
    When the battery level of the device falls
    Then the operator sees each of these reports once and in order

  @LW-IF4-16 @since:1.1 @ETS-1.1-int-305 @id:ended
  Scenario: The operator ends the report of several places
    Given a device of which the operator observes the serial number and the battery level at once
    And the operator observes its free memory too
    When the operator ends the report of both
    And the battery level of the device falls, and then it reports its free memory
    Then the device was told that the report of both is over
    And the operator sees the report of the free memory only
