@role:dm-client
Feature: The tree of a client
  What servers may do with the nodes of a device (DM Tree and Description 1.2).

  @DM-CLI-03 @id:read
  Scenario: A value is read
    Given the server wants to read a value that is there
    When the client begins a session
    Then the client confirms the reading
    And the client sends the value
    And the value comes after the confirmation

  @DM-CLI-03 @id:read-nothing
  Scenario: What is not there cannot be read
    Given the server wants to read a value that is not there
    When the client begins a session
    Then the client says that it is not there

  @DM-CLI-04 @id:add
  Scenario: What was added is there
    Given a client that has nothing where the server may add
    And the server wants to add a value
    When the client begins a session
    Then the client confirms that it has added it
    And the server reads what it added

  @DM-CLI-04 @id:add-twice
  Scenario: What is there cannot be added
    Given a client to which the server has added a value
    When the server adds the same once more
    Then the client says that it is there already
    And the server reads what it added

  @DM-CLI-05 @id:replace
  Scenario: A value is replaced
    Given a client to which the server has added a value
    When the server replaces the value
    Then the client confirms that it has replaced it
    And the server reads what it replaced it by

  @DM-CLI-05 @id:replace-nothing
  Scenario: To replace what is not there creates nothing
    Given a client that has nothing where the server may add
    And the server wants to replace a value that is not there
    When the client begins a session
    Then the client says that there is nothing to replace
    And nothing is there

  @DM-CLI-09 @id:remove
  Scenario: What was removed is gone
    Given a client to which the server has added a value
    When the server removes the value
    Then the client confirms that it has removed it
    And nothing is there

  @DM-CLI-09 @id:remove-permanent
  Scenario: What is always there cannot be removed
    Given the server wants to remove a value that is always there
    When the client begins a session
    Then the client says that it cannot be removed
    And the value is still there

  @DM-CLI-06 @id:atomic
  Scenario: All of an Atomic is done, or nothing
    Given a client that has nothing where the server may add
    And the server wants to add a value and to replace one that is not there, both or neither
    When the client begins a session
    Then the client says that both failed
    And it says of each part what became of it
    And nothing is there

  @DM-CLI-06 @id:atomic-done
  Scenario: An Atomic that can be done is done
    Given a client that has nothing where the server may add
    And the server wants to add two values, both or neither
    When the client begins a session
    Then the client confirms that it has added both
    And the server reads both

  @DM-CLI-15 @id:sequence
  Scenario: What comes one after the other is done in that order
    Given a client that has nothing where the server may add
    And the server wants to add a value and then to replace it, one after the other
    When the client begins a session
    Then the client confirms each of them
    And the server reads what it replaced it by

  @DM-CLI-14 @id:rights
  Scenario: A server reads nothing that it has no right to
    Given a client to which the server has added a value
    When the server gives its right to read the value away
    Then the client confirms the new rights
    And the server may not read the value any more

  @DM-CLI-16 @id:rename
  Scenario: A node has the name that a server gives it
    Given a client to which the server has added a value
    When the server gives the node another name
    Then the client confirms the new name
    And the value is where the new name leads
    And nothing is there

  @DM-CLI-04 @id:add-below-leaf
  Scenario: A value has nothing below it
    Given a client to which the server has added a value
    And the server wants to add a value below a value
    When the client begins a session
    Then the client says that nothing can be added there

  @DM-CLI-06 @id:atomic-get
  Scenario: Nothing is read in an Atomic
    Given the server wants to read in an Atomic
    When the client begins a session
    Then the client says that the reading failed
    And nothing is read

  @DM-CLI-10 @id:properties
  Scenario: Each node has four properties
    Given the server wants to read the properties that each node has
    When the client begins a session
    Then the client confirms the reading of each
    And each of them is what it has to be

  @DM-CLI-06 @id:atomic-in-atomic @if:dm.client.area
  Scenario: There is no Atomic in an Atomic
    Given a client that has nothing where the server may add
    And the server wants to add in an Atomic that is in an Atomic
    When the client begins a session
    Then the client says that the inner one failed
    And nothing is there

  @DM-CLI-03 @id:names
  Scenario: What is below a node is read by its names
    Given the server wants to read what is below a node
    When the client begins a session
    Then the client names what is below it

  @DM-CLI-03 @id:no-names
  Scenario: A node with nothing below it is read as empty
    Given a client to which the server has added a node with nothing below it
    When the server reads what is below that node
    Then the client names nothing below it

  @DM-CLI-03 @id:inbox
  Scenario: What is in an inbox nobody reads
    Given the server wants to read what is in the inbox
    When the client begins a session
    Then the client says that nobody reads it

  @DM-CLI-04 @id:parent-not-there
  Scenario: A value without a node above it is added with it, or not at all
    Given a client that has nothing where the server may add
    And the server wants to add a value below a node that is not there
    When the client begins a session
    Then both are there, or nothing is

  @DM-CLI-04 @id:none-above
  Scenario: What cannot be added leaves nothing above it
    Given a client that has nothing where the server may add
    And the server wants to add a number that is none below a node that is not there
    When the client begins a session
    Then the client refuses the number
    And nothing is there

  @DM-CLI-54 @id:limits
  Scenario: An address that is longer than a client can take is refused as such
    Given a client that has nothing where the server may add
    And the server wants to know how long addresses may be
    When the client begins a session
    And the server adds values at addresses that are longer
    Then the client says that they are too long

  @DM-CLI-04 @id:unknown-format
  Scenario: A value of a format that there is not is refused by name
    Given a client that has nothing where the server may add
    And the server wants to add a value of a format that there is not
    When the client begins a session
    Then the client says that it does not know the format
