@role:dm-bootstrap-server
Feature: The bootstrap server
  What devices get from a bootstrap server (DM Bootstrap 1.2; that it is fetched, RD DM 1.3, B.1). The tester plays the
  devices.

  @DM-HLF-005 @id:fetched
  Scenario: A device gets its first account
    Given a device that its network knows
    When the device fetches its bootstrap
    Then the device has an account of its server

  @DM-BSS-01 @id:networkid
  Scenario: A bootstrap is protected by the identity of the subscriber
    Given a device that its network knows
    When the device fetches its bootstrap
    Then it is protected by the key of the device

  @DM-BSS-02 @id:userpin
  Scenario: A bootstrap is protected by the PIN of the user
    Given a device whose user has a PIN
    When the device fetches its bootstrap
    Then the device has an account of its server
    And it is protected by the key of the device

  @DM-BSS-03 @id:userpin-networkid
  Scenario: A bootstrap is protected by both
    Given a device whose user has a PIN, and that its network knows
    When the device fetches its bootstrap
    Then the device has an account of its server
    And it is protected by the key of the device

  @DM-SEC-001 @id:shared-secret
  Scenario: A bootstrap is protected by a secret that device and network share
    Given a device that shares a secret with its network
    When the device fetches its bootstrap
    Then the device has an account of its server
    And it is protected by the key of the device

  @DM-BSS-04 @id:own-secrets
  Scenario: No device gets the secrets of another
    Given a device that its network knows
    And another device
    When the device fetches its bootstrap
    And the other device fetches its bootstrap
    Then their secrets are not the same

  @DM-BSS-04 @id:stranger
  Scenario: Who is not known gets nothing of a device that is
    Given a device that its network knows
    When the device fetches its bootstrap
    And a device that nobody knows fetches one
    Then it gets nothing that is of the other

  @DM-ADM-002 @id:unchanged
  Scenario: A device that has the document already does not get it again
    Given a device that its network knows
    When the device fetches its bootstrap
    And the device asks whether its bootstrap has changed
    Then the device is told that it has not

  @DM-ADM-002 @id:changed
  Scenario: A document that has changed is sent again
    Given a device that its network knows
    When the device fetches its bootstrap
    And the operator changes the bootstrap of the device
    And the device asks whether its bootstrap has changed
    Then the device gets the new one

  @DM-BSS-05 @id:pushed
  Scenario: A bootstrap is pushed to a device
    Given a device that its network knows
    When the operator pushes its bootstrap to the device
    Then the device has an account of its server
    And it is protected by the key of the device
