Feature: Values that devices send by themselves
  What LwM2M 1.1 adds to reporting (AD 5.3.2.4).

  @LW-IF4-15 @since:1.1 @ETS-1.1-int-306 @id:taken
  Scenario: What a device sends is taken
    Given a device that is registered
    When the device sends its battery level unasked
    Then the server confirms what was sent
    And the operator sees what was sent

  @LW-IF4-15 @since:1.1 @ETS-1.1-int-306 @id:taken-as-text
  Scenario: What a device sends as text that people can read is taken, too
    Given a device that is registered
    When the device sends its battery level unasked, as text that people can read
    Then the server confirms what was sent
    And the operator sees what was sent

  @LW-IF4-15 @since:1.1 @ETS-1.1-int-311 @id:unlisted-object
  Scenario: A value of an object that was not registered is not taken
    Given a device that is registered
    When the device sends a value of an object that it has not registered
    Then the server does not take what was sent

  @LW-IF4-15 @since:1.1 @ETS-1.1-int-306 @id:who-has-left
  Scenario: Who is not registered sends in vain
    Given a device that has left
    When the device sends its battery level unasked
    Then the server does not take what was sent
