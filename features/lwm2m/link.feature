Feature: Whatever network lies between
  What an operator gets does not depend on the link (AD 5.3.2.2, 5.3.2.3).

  @LW-IF3-12 @id:lossy
  Scenario: Over a link that loses 5 % the operator sees the same
    Given a device that is registered
    And the link of the device loses 5 %
    When the operator reads the serial number of the device
    Then the device is asked to read it
    And the operator sees the value that the device has

  @LW-IF3-12 @id:doubling
  Scenario: Over a link that doubles every datagram it is done once
    Given a device that is registered
    And the link of the device doubles every datagram
    When the operator executes a resource of the device with arguments
    Then the device is asked once to execute it with these arguments
    And the operator is told that it is done

  @LW-IF3-12 @id:slow
  Scenario: Over a slow link the operator sees the same
    Given a device that is registered
    And the link of the device is slow
    When the operator reads the serial number of the device
    Then the device is asked to read it
    And the operator sees the value that the device has

  @LW-IF3-12 @id:overtaking
  Scenario: Datagrams may overtake each other
    Given a device that is registered
    And the link of the device lets datagrams overtake each other
    When the operator reads the device object's instance of the device
    Then the device is asked to read it
    And the operator sees the value that the device has

  @LW-IF2-13 @id:another-address
  Scenario: A device that has another address is reached there
    Given a device that is registered
    And a NAT has given the device another address
    And the device has updated its registration
    When the operator reads the serial number of the device
    Then the device is asked to read it
    And the operator sees the value that the device has
