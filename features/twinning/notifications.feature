Feature: Being told of changes
  Each side is told when the other switches the twinning (RD 6.1.2 and 6.1.3).

  @HLF-PD-007 @id:primary-told
  Scenario: The primary is told when the secondary switches
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    When the secondary device switches the twinning off
    Then the primary device is told that the twinning is off
    And the primary device reads that its twinning is off
    And what the primary device was told says which wish it answers
    When the secondary device switches the twinning on
    Then the primary device is told that the twinning is on

  @HLF-PD-007 @id:primary-told-of-which
  Scenario: A primary with several secondaries is told which of them switched
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    And the primary device has asked to be told of changes
    When the second secondary device switches the twinning off
    Then the primary device is told that the twinning with the second secondary device is off
    When the secondary device switches the twinning off
    Then the primary device is told that the twinning with the secondary device is off

  @HLF-PD-007 @id:primary-told-in-xml
  Scenario: A primary that speaks XML is told as well
    Given a primary device that speaks XML
    And the primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    When the secondary device switches the twinning off
    Then the primary device is told that the twinning is off

  @HLF-PD-007 @id:refused-switch-no-news-for-primary
  Scenario: A switch that was refused is no news for the primary
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    When the secondary device sets the status to "Paused"
    Then the enabler refuses the change because the status is not known
    When enough time passes for news to arrive
    And the secondary device switches the twinning off
    Then the primary device is told that the twinning is off
    And the primary device was told of nothing but off

  @HLF-PD-007 @id:withdrawn-wish-of-primary
  Scenario: A primary that no longer wants to be told is told nothing
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    And the primary device has asked once more to be told of changes
    And the primary device has withdrawn its newer wish
    When the secondary device switches the twinning off
    Then the primary device is told that the twinning is off
    And the primary device is told nothing on account of the withdrawn wish

  @HLF-PD-007 @id:wish-run-out
  Scenario: A wish to be told ends after the time that it was made for
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    And the primary device has asked to be told of changes for 1 seconds
    And the time of the primary device's newer wish has passed
    When the secondary device switches the twinning off
    Then the primary device is told that the twinning is off
    And the primary device is told nothing on account of the wish that has run out

  @HLF-PD-007 @advice @id:wish-prolonged
  Scenario: A wish to be told can be prolonged
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes for 3 seconds
    And the primary device has asked for 60 seconds more
    And the time of the primary device's newer wish has passed
    When the secondary device switches the twinning off
    Then the primary device is told that the twinning is off

  @HLF-PD-007 @advice @id:wishes-listed
  Scenario: A device finds its wishes in a list
    Given a primary device twinned with a secondary device
    And the secondary device has asked to be told of changes
    And the primary device has asked to be told of changes
    And the primary device has asked once more to be told of changes
    When the primary device lists its wishes to be told
    Then the list holds the wishes of the primary device and nothing else

  @HLF-PD-007 @advice @id:application-gone
  Scenario: An application that is gone is not called for ever, and stops no change
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    And the application of the primary device is gone
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    And the application of the primary device is called 3 times at most
    And both devices read that the twinning is off

  @HLF-PD-007 @id:other-primary-not-told
  Scenario: Another primary is told nothing of it
    Given a primary device twinned with a secondary device
    And a second primary device twinned with a second secondary device
    And the primary device has asked to be told of changes
    And the second primary device has asked to be told of changes
    When the secondary device switches the twinning off
    Then the primary device is told that the twinning is off
    And the second primary device is told nothing

  @HLF-PD-007 @advice @id:delivery-tried-again
  Scenario: News that could not be delivered are delivered later
    Given a primary device twinned with a secondary device
    And the primary device has asked to be told of changes
    And the application of the primary device is out of service
    When the secondary device switches the twinning off
    And the application of the primary device is back in service
    Then the primary device is told once it can be reached that the twinning is off

  @HLF-PD-007 @advice @id:wish-made-twice
  Scenario: A wish that is made twice in the same words counts once
    Given a primary device twinned with a secondary device
    When the primary device asks twice in the same words to be told of changes
    Then there is one wish and not two

  @HLF-SD-008 @id:secondary-told
  Scenario: The secondary is told when the primary switches
    Given a primary device twinned with a secondary device
    And the secondary device has asked to be told of changes
    When the primary device switches the twinning off
    Then the secondary device is told that the twinning is off
    And the secondary device reads that its twinning is off
    And what the secondary device was told says which wish it answers
    When the primary device switches the twinning on
    Then the secondary device is told that the twinning is on

  @HLF-SD-008 @id:refused-switch-no-news-for-secondary
  Scenario: A switch that was refused is no news for the secondary
    Given a primary device twinned with a secondary device
    And the secondary device has asked to be told of changes
    When the primary device sets the status to "Paused"
    Then the enabler refuses the change because the status is not known
    When enough time passes for news to arrive
    And the primary device switches the twinning off
    Then the secondary device is told that the twinning is off
    And the secondary device was told of nothing but off

  @HLF-SD-008 @id:sibling-not-told
  Scenario: Another secondary of the same primary is told nothing of it
    Given a primary device twinned with a secondary device
    And the primary device is also twinned with a second secondary device
    And the secondary device has asked to be told of changes
    And the second secondary device has asked to be told of changes
    When the primary device switches the twinning with the secondary device off
    Then the secondary device is told that the twinning is off
    And the second secondary device is told nothing

  @HLF-SD-008 @if:twinning.notification_channel @id:secondary-told-by-channel
  Scenario: A secondary that cannot be called back fetches the news
    Given a primary device twinned with a secondary device
    And the secondary device has asked to be told of changes through a notification channel
    When the primary device switches the twinning off
    Then the secondary device is told that the twinning is off

  @HLF-SD-008 @if:twinning.notification_channel @id:told-one-at-a-time
  Scenario: A channel brings no more at once than its application takes
    Given a primary device twinned with a secondary device
    And the secondary device has asked to be told of changes through a channel that brings one at a time
    And the primary device has switched the twinning off
    And the primary device has switched the twinning on
    When the secondary device fetches what it has not been told yet
    And the secondary device fetches what it has not been told yet
    Then the secondary device was told of one change at a time
