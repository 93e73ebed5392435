@role:dm-server
Feature: The server
  What a server says in sessions with devices, which the tester plays (DM Protocol 1.2, DM Security 1.2).

  @DM-SRV-01 @id:every-command-answered
  Scenario: Whatever a device says is answered once
    When the device begins a session
    Then the server answers every header and every command of the device once

  @DM-SRV-01 @id:numbers
  Scenario: What a server says is numbered
    Given an operator who, if there is one, wants to read something of the device
    When the device begins a session
    Then each of the commands of the server has a number of its own

  @DM-SRV-02 @id:no-credentials
  Scenario: Who does not show who it is is asked, and told nothing
    Given a device that shows no credentials
    And an operator who, if there is one, wants to read something of the device
    When the device begins a session
    Then the server asks for credentials, and says nothing else

  @DM-SRV-02 @id:wrong-password
  Scenario: A wrong password is refused
    Given a device that shows another password
    And an operator who, if there is one, wants to read something of the device
    When the device begins a session
    Then the server refuses the credentials, and says nothing else

  @DM-SRV-02 @id:others-credentials
  Scenario: The credentials of another device are refused
    Given a device that shows the credentials of another one
    And an operator who, if there is one, wants to read something of the device
    When the device begins a session
    Then the server refuses the credentials, and says nothing else

  @DM-SRV-03 @id:credentials
  Scenario: A device that shows who it is is accepted
    When the device begins a session
    Then the server accepts the device

  @DM-SRV-02 @id:another-name
  Scenario: A name that the server does not know is refused
    Given a device that shows another name
    And an operator who, if there is one, wants to read something of the device
    When the device begins a session
    Then the server refuses the credentials, and says nothing else

  @DM-SRV-03 @id:other-nonce
  Scenario: A digest that is out of date is no reason to give a device up
    Given a device whose digests are of another nonce than the server knows
    When the device begins a session
    Then the server accepts the device

  @DM-SRV-04 @id:operator
  Scenario: What the operator wants is asked for once, and the session ends
    Given the operator wants to read something of the device
    When the device begins a session
    Then the server asks the device for it once
    And the server ends the session
    When the device begins another session
    Then the server does not ask the device for it again

  @DM-SRV-05 @id:two-messages
  Scenario: A package in two messages is waited for
    Given a device that says what it has to say in two messages
    And the operator wants to read something of the device
    When the device begins a session
    Then the server waits for the rest

  @DM-SRV-06 @id:report
  Scenario: A report is taken
    Given a device that has something to report
    When the device begins a session
    Then the server takes the report

  @DM-SRV-07 @id:device-wants
  Scenario: A device cannot make the server do anything
    Given a device that wants the server to add something
    When the device begins a session
    Then the server does not add it

  @DM-SRV-08 @id:small-messages
  Scenario: A device that can take small messages gets small messages
    Given a device that can take small messages only
    And the operator wants to read more than fits into one
    When the device begins a session
    Then no message of the server is larger than that

  @DM-SRV-09 @id:wakes
  Scenario: A device believes the notification that wakes it
    Given a device that has had a session
    When the operator wakes the device
    Then the device believes it, and begins the session that was announced

  @DM-HLF-003 @if:dm.server.sip @id:wakes-by-sip
  Scenario: A server notifies by SIP
    Given a device that takes notifications by SIP, and has had a session
    When the operator has the server wake the device by SIP
    Then the notification comes by SIP
    And the device believes it, and begins the session that was announced

  @DM-HLF-006 @id:wakes-until
  Scenario: A notification of a server says until when it counts
    Given a device that has had a session
    When the operator wakes the device, which is to come within an hour
    Then the notification says until when it counts

  @DM-HLF-007 @id:wakes-saying-why
  Scenario: A notification of a server says why
    Given a device that has had a session
    When the operator wakes the device and says why
    Then the notification says why

  @DM-HLF-014 @id:wakes-saying-how
  Scenario: A notification of a server says how the device is to come
    Given a device that has had a session
    When the operator wakes the device and says how it is to come
    Then the notification says how

  @DM-HLF-015 @id:wakes-for-detail
  Scenario: A notification of a server says which details are wanted
    Given a device that has had a session
    When the operator wakes the device and wants a detail of it
    Then the notification says which detail

  @DM-SRV-10 @id:parts
  Scenario: A value that comes in parts is taken
    Given a device that sends little at a time, and has a large value
    And the operator wants to read the large value
    When the device begins a session
    Then the server takes each part of it

  @DM-SRV-02 @DM-SRV-03 @id:each-scheme
  Scenario: Each scheme that a server offers is held to
    Given a device of each scheme that the server has accounts with
    When each of them begins a session with its password, and one with another
    Then the server accepts each that shows its password
    And the server refuses each that shows another

  @DM-SRV-11 @id:at-once
  Scenario: Two devices at once are told what is meant for each
    Given two devices, of each of which the operator wants to read something else
    When both are in sessions at once
    Then each of them is told what is meant for it, and nothing that is meant for the other

  @DM-SRV-12 @id:elsewhere
  Scenario: A session goes on where the server wants it
    Given a device whose digests are of another nonce than the server knows
    When the device begins a session
    Then the session goes on where the server wants it

  @DM-SRV-13 @id:event
  Scenario: An event of a client is answered
    Given a device to which something has happened
    When the device begins a session
    Then the server takes the event, or says that it does not know it

  @DM-SRV-14 @id:refused
  Scenario: A session with a device that refuses everything has an end
    Given a device that refuses whatever it is told
    And the operator wants to read several things of the device
    When the device begins a session
    Then the server ends the session

  @DM-SRV-14 @id:refusals-told
  Scenario: The operator is told what a device refused
    Given a device that refuses whatever it is told
    And the operator wants to read several things of the device
    When the device begins a session
    Then the operator is told what the device said

  @DM-SRV-14 @id:told-apart
  Scenario: What one device says is not taken for what another says
    Given two devices, of each of which the operator wants to know what it calls itself
    When both are in sessions at once
    Then the operator is told of each what it said itself

  @DM-SRV-15 @id:each-message
  Scenario: A server that is believed for a message shows who it is in the next one
    Given a device that believes the server for one message at a time, and can take small ones only
    And the operator wants to read more than fits into one
    When the device begins a session
    Then the server shows who it is with each message

  @DM-SRV-15 @id:believed
  Scenario: A device believes what a server shows
    Given a device to which the server shows who it is
    And an operator who, if there is one, wants to read something of the device
    When the device begins a session
    Then the device believes the server

  @DM-HLF-009 @id:nothing-in-parts
  Scenario: A device that takes nothing in parts gets nothing in parts
    Given a device that takes nothing in parts, and small messages only
    And the operator wants to know whether it takes values in parts
    When the device begins a session
    And the operator wants to write more than fits into a message, and the device begins another session
    Then the server sends nothing in parts
