@role:dm-client
Feature: Several authorities at one client
  Servers that manage one client side by side, and hand over to each other what is theirs (RD DM 1.3, 6.2). What each may
  do is in the lists of rights of the tree (DM Tree and Description 1.2).

  @DM-HLF-017 @id:two
  Scenario: Two authorities manage one client
    When each of two servers reads a value in a session of its own
    Then the client shows each of them who it is
    And it gives each of them the value

  @DM-HLF-017 @id:borrowed
  Scenario: No authority is taken for another
    Given a second server that shows the client the credentials of the first
    And the server wants to read a value that is there
    When the client begins a session
    Then the client refuses the server's credentials, and does nothing

  @DM-HLF-018 @id:own-instances
  Scenario: Each authority manages an instance of its own
    Given an instance of an object for each of two servers, which has it for itself
    When each of the servers changes its own
    Then the client lets each of them
    And each of them reads what it changed

  @DM-HLF-018 @id:others-instance
  Scenario: No authority gets at the instance of another
    Given an instance of an object for each of two servers, which has it for itself
    When the second server wants to read and to change that of the first
    Then the client lets it do neither
    And the first server reads what it had

  @DM-HLF-018 @id:unseen
  Scenario: No authority sees the instance of another in a list
    Given an instance of an object for each of two servers, which has it for itself
    When the first server asks for a list of all that is there
    Then the list has its own instance, and nothing of the other one's

  @DM-HLF-019 @id:delegated
  Scenario: An authority lets another one in
    Given an instance that the first of several servers has for itself
    When the first server lets the second one read it
    Then the second server reads it

  @DM-HLF-019 @id:revoked
  Scenario: An authority takes back what it gave
    Given an instance that the first of several servers has for itself
    And the first server has let the second one read it
    When the first server takes that back
    Then the second server may not read it

  @DM-HLF-019 @id:handed-on
  Scenario: An authority cannot hand on what it was not given
    Given an instance that the first of several servers has for itself
    And the first server has let the second one read it
    When the second server lets a third one read a part of it
    Then the client does not let it
    And the third server may not read that part

  @DM-HLF-020 @id:goes-first
  Scenario: An authority keeps what it wrote before one that comes after it
    Given an instance that two servers may change, of which the first goes first
    When the one that goes first changes it, and then the other
    Then what the one wrote that goes first is there

  @DM-HLF-020 @id:comes-later
  Scenario: An authority that goes first has its way though it comes later
    Given an instance that two servers may change, of which the first goes first
    When the other changes it, and then the one that goes first
    Then what the one wrote that goes first is there

  @DM-HLF-020 @id:other-order
  Scenario: Which authority goes first is what their ranks say
    Given an instance that two servers may change, of which the second goes first
    When the one that goes first changes it, and then the other
    Then what the one wrote that goes first is there

  @DM-HLF-020 @id:own-rank
  Scenario: No authority gives itself another rank
    Given an instance that two servers may change, of which the first goes first
    When the other gives itself the rank of the one that goes first
    Then the client does not let it go first
    When the one that goes first changes it, and then the other
    Then what the one wrote that goes first is there

  @DM-HLF-021 @id:part
  Scenario: An authority hands over a part
    Given an instance that the first of several servers has for itself
    When the first server hands a part of it to the second
    Then the second server changes that part
    And it may not read what is beside that part, nor what is above it
    And the first server reads what the second one changed

  @DM-HLF-022 @id:whole
  Scenario: An authority hands over all that it has
    Given an instance that the first of several servers has for itself
    When the first server hands all of it to the second
    Then the second server changes, adds and removes in it what it likes
    And what never was the first one's it may not remove

  @DM-HLF-023 @id:for-a-time
  Scenario: An authority hands over for a time
    Given an instance that the first of several servers has for itself
    When the first server lets the second one read it
    Then the second server reads it
    When the first server takes that back
    Then the second server may not read it
    And the list of rights is as it was

  @DM-CLI-14 @id:example
  Scenario: Three servers may do what the example of the text says
    Given three servers, and nodes with the lists of the example that the text gives
    When each of the three tries what the example speaks of
    Then the client lets each do what the example says, and no more
