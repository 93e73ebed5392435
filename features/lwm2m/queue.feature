Feature: Queue mode
  Who sleeps is left to sleep, and misses nothing (AD 5.3.2.3).

  @LW-IF3-13 @ETS-1.1-int-108 @ETS-1.1-int-109 @slow:98s @time-passes @id:waits-for-the-device
  Scenario: What the operator wants waits until the device shows itself
    Given a device that is registered as one that sleeps
    And the time for which it listens has passed
    When the operator reads two values of the device
    Then the operator is told that they wait, and the device hears nothing
    When the device updates its registration
    Then the device is asked for one value after the other
    And the operator sees both values
