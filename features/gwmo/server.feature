@role:dm-server @if:dm.server.gateways
Feature: The server above a gateway
  A server manages devices that it does not reach, by way of a gateway (RD GwMO 1.0). The tester plays the gateway,
  whose objects stand elsewhere in each run, and the devices behind it.

  @GwMO-HLF-001 @GwMO-PMoDe-001 @id:read
  Scenario: A device that the server does not reach is read by way of the gateway
    Given a gateway below the server, and three devices behind it
    When the operator wants to read something of the first of them
    And the gateway comes
    Then the first of them is asked for it by way of the gateway
    And the server takes the report of what became of it
    And the operator is told what the first of them has

  @GwMO-HLF-001 @advice @id:private-addresses
  Scenario: Nothing is said to addresses that nobody beyond the gateway reaches
    Given a gateway below the server, and three devices behind it
    When the operator wants to know which devices the gateway has
    And the gateway comes
    And the operator wants to read something of the first of them
    And the gateway comes
    Then the operator is told what the first of them has
    And the server says nothing to the devices themselves

  @GwMO-HLF-004 @GwMO-PMoDe-003 @id:one-account
  Scenario: Devices that know the gateway alone are managed by the account of the gateway
    Given a gateway below the server, and three devices behind it
    When the operator wants to read something of the first and the second of them
    And the gateway comes
    Then the first and the second of them are asked for it by way of the gateway
    And the operator is told what the first and the second of them have

  @GwMO-FORA-001 @id:group
  Scenario: What is wanted of some devices, those are told once
    Given a gateway below the server, and three devices behind it
    When the operator wants to change something of the first and the second of them
    And the gateway comes
    Then the first and the second of them are told it once by way of the gateway
    And the third of them is not told it

  @GwMO-FORA-001 @advice @id:one-fan-out
  Scenario: What is wanted of several devices takes one fan-out
    Given a gateway below the server, and three devices behind it
    When the operator wants to change something of the first and the second of them
    And the gateway comes
    Then the server has the gateway start one fan-out

  @GwMO-Group-001 @id:grouped
  Scenario: A group that the operator wants is at the gateway, and what is wanted of it reaches its members alone
    Given a gateway below the server, and three devices behind it
    When the operator wants the first and the second of them to be a group
    And the gateway comes
    Then the gateway has a group of the first and the second of them
    When the operator wants to read something of that group
    And the gateway comes
    Then the first and the second of them are asked for it by way of the gateway
    And the third of them is not asked for it
    And the operator is told what the first and the second of them have
    When the operator wants that group no more
    And the gateway comes
    Then the gateway has no group of the first and the second of them

  @GwMO-Group-001 @id:regrouped
  Scenario: A group is changed as the operator wants it, and removed
    Given a gateway below the server, and three devices behind it
    When the operator wants the first and the second of them to be a group
    And the gateway comes
    Then the gateway has a group of the first and the second of them
    When the operator wants the first and the third of them to be that group
    And the gateway comes
    Then the gateway has a group of the first and the third of them, and none of the first and the second
    When the operator wants that group no more
    And the gateway comes
    Then the gateway has no group of the first and the third of them

  @GwMO-FORA-002 @id:mixed
  Scenario: Of several devices, the operator is told of each what became of it
    Given a gateway below the server, and three devices behind it
    And the second of them does not have what is read, and the third has gone
    When the operator wants to read something of all three of them
    And the gateway comes
    Then the server takes the report of what became of it
    And the operator is told what became of each of them
    When the operator wants to read something of the first of them
    And the gateway comes
    Then the operator is told what the first of them has

  @GwMO-HLF-003 @GwMO-DI-004 @id:new-device
  Scenario: A new device that is announced is managed
    Given a gateway below the server, two devices behind it, and a third that has not come yet
    When the third of them comes to the gateway
    Then the server takes the report that there is a new device
    When the operator wants to read something of the third of them
    And the gateway comes
    Then the third of them is asked for it by way of the gateway
    And the operator is told what the third of them has

  @GwMO-HLF-003 @GwMO-DI-004 @advice @id:new-among-all
  Scenario: What is wanted of all that are there is wanted of a new device as well
    Given a gateway below the server, two devices behind it, and a third that has not come yet
    When the operator wants to know which devices the gateway has
    And the gateway comes
    And the third of them comes to the gateway
    And the operator wants to read something of all of them that are there
    And the gateway comes
    Then the third of them is asked for it by way of the gateway
    And the operator is told what the third of them has

  @GwMO-DI-005 @GwMO-ADM-001 @id:announcements
  Scenario: Announcements are left on, switched off, and on again, where the gateway has the switch
    Given a gateway below the server, and three devices behind it
    When the operator wants new devices to be announced
    And the gateway comes
    Then the gateway is set to announce new devices
    When the operator wants no new device to be announced
    And the gateway comes
    Then the gateway is set to announce none
    When the operator wants new devices to be announced
    And the gateway comes
    Then the gateway is set to announce new devices

  @GwMO-DI-001 @id:about
  Scenario: The operator is told what the gateway says of one device
    Given a gateway below the server, and three devices behind it
    When the operator wants to know what the gateway says of the first of them
    And the gateway comes
    Then the operator is told what the gateway says of the first of them

  @GwMO-DI-002 @GwMO-DI-003 @id:inventory
  Scenario: The operator is told which devices there are, and which have gone
    Given a gateway below the server, and three devices behind it
    And the third of them has gone, which the gateway knows
    When the operator wants to know which devices the gateway has
    And the gateway comes
    Then the operator is told which devices the gateway has, and that the third of them has gone

  @GwMO-DI-003 @advice @id:gone
  Scenario: Nothing is wanted of a device that has gone
    Given a gateway below the server, and three devices behind it
    And the third of them has gone, which the gateway knows
    When the operator wants to read something of all of them that are there
    And the gateway comes
    Then the first and the second of them are asked for it by way of the gateway
    And nothing is wanted of the device that has gone

  @GwMO-TMode-001 @advice @id:notified
  Scenario: A device that knows the server is notified by way of the gateway
    Given a gateway below the server, and a device behind it that knows the server
    When the operator wants to know which devices the gateway has
    And the gateway comes
    And the operator wants that device to come
    And the gateway comes
    Then the gateway is brought a notification of the server for that device
    And the server says nothing to the devices themselves

  @GwMO-DCIS-001 @advice @id:image
  Scenario: Devices are told where the gateway has an image
    Given a gateway below the server, and three devices behind it
    When the operator wants an image for the first and the second of them
    And the gateway comes
    Then the server takes the report that the gateway has the image
    And the first and the second of them are told where the gateway has the image

  @GwMO-DCIS-002 @advice @id:image-once
  Scenario: An image for several devices is wanted of the gateway once
    Given a gateway below the server, and three devices behind it
    When the operator wants an image for the first and the second of them
    And the gateway comes
    Then the server has the gateway get the image once

  @GwMO-DCIS-003 @id:keeping
  Scenario: The keeping of images is left on, switched off, and on again, where the gateway has the switch
    Given a gateway below the server, and three devices behind it
    When the operator wants images to be kept
    And the gateway comes
    Then the gateway is set to keep images
    When the operator wants no image to be kept
    And the gateway comes
    Then the gateway is set to keep none
    When the operator wants images to be kept
    And the gateway comes
    Then the gateway is set to keep images
