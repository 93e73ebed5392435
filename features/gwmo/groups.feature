@role:dm-gateway
Feature: Groups of devices
  A server puts devices together, and what it wants of a group reaches the members alone (RD GwMO 1.0).

  @GwMO-Group-001 @id:members
  Scenario: Who is not in a group is told nothing
    Given three devices that have attached
    And a group of the first and the second device
    When the server has the gateway change something of the group
    Then the third device is told nothing, and the others are

  @GwMO-Group-001 @id:taken-out
  Scenario: Who was taken out of a group is told nothing any more
    Given three devices that have attached
    And a group of all three devices
    And the third device was taken out of it
    When the server has the gateway change something of the group
    Then the third device is told nothing, and the others are

  @GwMO-Group-001 @id:removed
  Scenario: A group that was removed is nobody any more
    Given three devices that have attached
    And a group of the first and the second device
    When the server has the gateway change something of the group
    And the group is removed, and the server wants the same of it once more
    Then its members are told it once, and are known as before
