Feature: The message layer
  What a server makes of datagrams that are broken, copied, or lost on their way (AD 5.3.1.2, 5.4).

  @LW-SRV-02 @id:another-version
  Scenario: A datagram of another version is ignored
    Given a device that is registered
    When the device sends an update of another version of the message layer
    And the device updates its registration
    Then the server ignores that datagram
    And the server confirms the update

  @LW-SRV-02 @id:long-token
  Scenario: A token that is too long is an error
    Given a device that is registered
    When the device sends an update whose token is too long
    And the device updates its registration
    Then the server rejects that datagram
    And the server confirms the update

  @LW-SRV-02 @id:cut-off
  Scenario: A message that is cut off is an error
    Given a device that is registered
    When the device sends an update that ends within an option
    And the device updates its registration
    Then the server rejects that datagram
    And the server confirms the update

  @LW-SRV-02 @id:missing-payload
  Scenario: A payload that is announced and not there is an error
    Given a device that is registered
    When the device sends an update that announces a payload and has none
    And the device updates its registration
    Then the server rejects that datagram
    And the server confirms the update

  @LW-SRV-02 @id:reserved-code
  Scenario: A reserved code is an error
    Given a device that is registered
    When the device sends an update under a reserved code
    And the device updates its registration
    Then the server rejects that datagram
    And the server confirms the update

  @LW-SRV-02 @id:request-in-acknowledgement
  Scenario: An acknowledgement asks for nothing
    Given a device that is registered
    When the device sends an update as an acknowledgement
    And the device updates its registration
    Then the server ignores that datagram
    And the server confirms the update

  @LW-SRV-02 @id:less-than-a-header
  Scenario: What is less than a header is ignored
    Given a device that is registered
    When the device sends half a header
    And the device updates its registration
    Then the server ignores that datagram
    And the server confirms the update

  @LW-SRV-02 @id:oversized
  Scenario: A datagram as large as can be does no harm
    Given a device that is registered
    When the device sends as much as fits into a datagram
    And the device updates its registration
    Then the server confirms the update

  @LW-SRV-02 @id:unknown-critical-option
  Scenario: A critical option that nobody knows is refused
    Given a device that is registered
    When the device sends an update with a critical option that nobody knows
    And the device updates its registration
    Then the server refuses that datagram because of the option
    And the server confirms the update

  @LW-SRV-02 @id:is-anybody-there
  Scenario: The question whether anybody is there is answered
    Given a device that is registered
    When the device asks whether anybody is there
    And the device updates its registration
    Then the server shows that it is there
    And the server confirms the update

  @LW-SRV-02 @id:same-id-from-two
  Scenario: Two devices may use the same message id
    Given a device that is registered
    When another device registers under the message id of the first
    And the device updates its registration
    Then the server confirms that registration of the other device
    And the server confirms the update

  @LW-SRV-02 @id:another-order
  Scenario: Messages may arrive in another order than they were sent
    Given a device that is registered
    When two updates of the device arrive in another order than they were sent
    And the device updates its registration
    Then the server takes both of them
    And the server confirms the update

  @LW-SEC-11 @advice @id:registration-copied
  Scenario: A registration that arrives twice is done once
    Given a device that is registered
    When a copy of the registration of the device arrives
    And the device updates its registration
    Then the server answers the copy as it answered the first
    And the server confirms the update

  @LW-SEC-11 @advice @id:who-has-left-is-not-replayed
  Scenario: A copy of a registration does not bring back who has left
    Given a device that has left
    When a copy of the registration of the device arrives
    And another device registers
    Then the operator does not see the device

  @LW-IF3-09 @id:lost-answer
  Scenario: An answer that was lost comes again
    Given a device that is registered
    And the next answer of the device is lost
    When the operator reads the serial number of the device
    Then the device is asked to read it
    And the operator sees the value that the device has

  @LW-IF3-09 @id:missing-acknowledgement
  Scenario: An answer may come without the acknowledgement before it
    Given a device that is registered
    And the device answers late and without an acknowledgement
    When the operator reads the serial number of the device
    Then the device is asked to read it
    And the operator sees the value that the device has

  @LW-IF3-09 @id:another-token
  Scenario: What comes under another token is no answer
    Given a device that is registered
    And the answers of the device come a first time under another token
    When the operator reads the serial number of the device
    Then the operator sees the value that the device has

  @LW-IF3-08 @id:reset-is-shown
  Scenario: A reset of the device is shown as a failure
    Given a device that is registered
    And the device answers with a reset
    When the operator reads the serial number of the device
    Then the operator is told of an error
