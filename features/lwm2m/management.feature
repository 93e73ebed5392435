Feature: Device management
  Operators ask, devices do, and what devices say comes back (AD 5.3.2.3).

  @LW-IF2-02 @LW-IF3-01 @ETS-1.0-int-201 @id:read-a-resource
  Scenario: The operator reads a resource
    Given a device that is registered
    When the operator reads the serial number of the device
    Then the device is asked to read it
    And the operator sees the value that the device has

  @LW-IF3-01 @ETS-1.0-int-203 @ETS-1.0-int-223 @id:read-an-instance
  Scenario: The operator reads an instance
    Given a device that is registered
    When the operator reads the device object's instance of the device
    Then the device is asked to read it
    And the operator sees the value that the device has

  @LW-IF3-02 @id:format-of-the-device
  Scenario: The operator sees the same value in whatever format the device answers
    Given a device that is registered
    And the device answers in the JSON of the enabler
    When the operator reads the serial number of the device
    Then the operator sees the value that the device has

  @LW-IF3-03 @ETS-1.0-int-205 @ETS-1.0-int-227 @id:write-a-resource
  Scenario: The operator writes a resource
    Given a device that is registered
    When the operator writes a number to a resource of the device
    Then the device is asked to write that number there
    And the operator is told that it is done

  @LW-IF3-03 @ETS-1.0-int-215 @ETS-1.0-int-226 @id:update-an-instance
  Scenario: The operator updates a part of an instance
    Given a device that is registered
    When the operator updates a part of an instance of the device
    Then the device is asked to change that part only
    And the operator is told that it is done

  @LW-IF3-04 @id:execute
  Scenario: The operator executes a resource
    Given a device that is registered
    When the operator executes a resource of the device with arguments
    Then the device is asked once to execute it with these arguments
    And the operator is told that it is done

  @LW-IF3-06 @ETS-1.0-int-260 @id:discover
  Scenario: The operator asks what is there
    Given a device that is registered
    When the operator discovers the device object's instance of the device
    Then the device is asked to list what is there
    And the operator sees what the device listed

  @LW-IF3-07 @ETS-1.0-int-260 @id:write-attributes
  Scenario: The operator writes attributes
    Given a device that is registered
    When the operator writes attributes to a resource of the device
    Then the device is asked to take these attributes
    And the operator is told that it is done

  @LW-IF3-08 @ETS-1.0-int-256 @id:refusal-is-shown
  Scenario: A refusal of the device reaches the operator
    Given a device that is registered
    When the operator reads a resource that the device does not have
    Then the operator is told that there is no such thing

  @LW-IF3-09 @id:late-answer
  Scenario: An answer may come late
    Given a device that is registered
    And the device takes its time to answer
    When the operator reads the serial number of the device
    Then the device is asked to read it
    And the operator sees the value that the device has

  @LW-IF3-05 @ETS-1.0-int-1630 @id:create
  Scenario: The operator creates an instance
    Given a device that is registered
    When the operator creates an instance of an object of the device
    Then the device is asked to create that instance with its values
    And the operator is told that it is created

  @LW-IF3-05 @ETS-1.0-int-1635 @id:delete
  Scenario: The operator deletes an instance
    Given a device that is registered
    When the operator deletes an instance of an object of the device
    Then the device is asked to delete that instance
    And the operator is told that it is deleted

  @LW-IF3-10 @id:long-value-written
  Scenario: A long value is written in blocks
    Given a device that is registered
    When the operator writes a long value to the device
    Then the device gets the whole value in blocks
    And the operator is told that it is done

  @LW-IF3-10 @id:small-blocks-written
  Scenario: A device may ask for smaller blocks
    Given a device that takes small blocks only and is registered
    When the operator writes a long value to the device
    Then the device gets the whole value in blocks
    And the operator is told that it is done

  @LW-IF3-10 @id:long-value-read
  Scenario: A long value is read in blocks
    Given a device that is registered
    And the device has a long name for its manufacturer
    When the operator reads the manufacturer of the device
    Then the operator sees the value that the device has

  @LW-IF3-10 @id:small-blocks-read
  Scenario: A long value is read in small blocks
    Given a device that takes small blocks only and is registered
    And the device has a long name for its manufacturer
    When the operator reads the manufacturer of the device
    Then the operator sees the value that the device has

  @LW-IF3-14 @id:unknown-object
  Scenario: An object that nobody knows can be read
    Given a device that is registered
    When the operator reads a resource of an object of the device that is none of the enabler's
    Then the device is asked to read it
    And the operator sees the value that the device has, in whatever form

  @LW-SRV-06 @id:registers-and-manages
  Scenario: A server registers devices and manages them
    When a device registers
    Then the server confirms the registration and says where it is
    When the operator reads the serial number of the device
    Then the device is asked to read it
    And the operator sees the value that the device has
